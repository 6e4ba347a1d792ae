//! How a plot is drawn, as SVG. Colours and fonts are those of the page's style, so that a plot is
//! light and dark, and printed, as the page is.

use maud::{Markup, html};

use super::scale::Scale;

/// The space that a plot has: the wide one is for screens and paper, the narrow one for phones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
    name: &'static str,
}

const LEFT: f64 = 52.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 34.0;

/// A plot in both sizes, of which the page's style shows one. `share` is how much of the width a
/// wide one has.
pub(super) fn both(label: &str, share: f64, height: f64, draw: impl Fn(Size) -> Markup) -> Markup {
    let sizes = [
        Size { width: 720.0 * share, height, name: "wide" },
        Size { width: 330.0, height: height.min(220.0), name: "narrow" },
    ];
    html! {
        @for size in sizes {
            svg class=(size.name) role="img" aria-label=(label)
                width=(size.width) height=(size.height)
                viewBox=(format!("0 0 {} {}", size.width, size.height)) {
                (draw(size))
            }
        }
    }
}

impl Size {
    /// From where to where the plot goes, within its axes.
    pub(super) fn across(self) -> (f64, f64) {
        (LEFT, self.width - RIGHT)
    }

    /// The same from the bottom to the top.
    pub(super) fn up(self) -> (f64, f64) {
        (self.height - BOTTOM, TOP)
    }

    /// How many words an axis has room for.
    pub(super) fn ticks_across(self) -> usize {
        if self.width < 400.0 { 5 } else { 10 }
    }
}

/// A number with one digit behind the point, as coordinates have it.
pub(super) fn place(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// Both axes with their ticks, and what they count.
pub(super) fn axes(
    x: (&Scale, &[(f64, String)], &str),
    y: (&Scale, &[(f64, String)], &str),
) -> Markup {
    let ((x, x_ticks, x_name), (y, y_ticks, y_name)) = (x, y);
    let ((left, right), (bottom, top)) = (x.ends(), y.ends());
    html! {
        g class="axes" {
            @for (value, text) in y_ticks {
                line class="grid" x1=(place(left)) x2=(place(right))
                    y1=(place(y.at(*value))) y2=(place(y.at(*value))) {}
                text class="end" x=(place(left - 6.0)) y=(place(y.at(*value) + 4.0)) { (text) }
            }
            line x1=(place(left)) x2=(place(right)) y1=(place(bottom)) y2=(place(bottom)) {}
            @for (value, text) in x_ticks {
                line x1=(place(x.at(*value))) x2=(place(x.at(*value)))
                    y1=(place(bottom)) y2=(place(bottom + 4.0)) {}
                text class="middle" x=(place(x.at(*value))) y=(place(bottom + 16.0)) { (text) }
            }
            text class="end" x=(place(right)) y=(place(bottom + 30.0)) { (x_name) }
            text x="2" y=(place(top - 10.0)) { (y_name) }
        }
    }
}

/// A line through points.
pub(super) fn line(class: &str, points: &[(f64, f64)]) -> Markup {
    html! { polyline class=(class) points=(joined(points)) {} }
}

/// The area between points and the bottom.
pub(super) fn area(class: &str, points: &[(f64, f64)], bottom: f64) -> Markup {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return html! {} };
    let mut around = vec![(first.0, bottom)];
    around.extend_from_slice(points);
    around.push((last.0, bottom));
    html! { polygon class=(class) points=(joined(&around)) {} }
}

fn joined(points: &[(f64, f64)]) -> String {
    let points = points.iter().map(|(x, y)| format!("{},{}", place(*x), place(*y)));
    points.collect::<Vec<_>>().join(" ")
}
