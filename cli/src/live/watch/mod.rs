//! `watch`: who is being limited, live.
//!
//! | file | what it is for |
//! |---|---|
//! | `sample` | what all servers say at one moment |
//! | `view` | what is shown of it, and what has changed |
//! | `figures` | how figures are shown |
//! | `once` | the view as text |
//! | `poll` | asking all servers again and again |
//! | `screen` | the screen, and what the keys do |
//! | `draw` | the view on a whole screen |
//! | `paint` | its colours |

mod draw;
mod figures;
mod once;
mod paint;
mod poll;
mod sample;
mod screen;
mod view;

use std::io::{IsTerminal, stdin, stdout};

use self::poll::Poll;
use self::sample::sample;
use self::view::View;
use super::primaries::Primaries;
use crate::args::WatchArgs;
use crate::failure::Failure;

/// Shows it until `q` is pressed; or prints it once, from two samples that are an interval apart.
pub(crate) async fn run(args: &WatchArgs) -> Result<(), Failure> {
    let primaries = Primaries::new(args.url.clone());
    if args.once {
        return once(args, primaries).await;
    }
    if !stdin().is_terminal() || !stdout().is_terminal() {
        return Err(Failure::Could("watch needs a terminal; --once prints it as text".into()));
    }
    let title = screen::title(&primaries.name(), args.interval);
    screen::show(Poll::begin(primaries, args.interval), &title).await
}

async fn once(args: &WatchArgs, mut primaries: Primaries) -> Result<(), Failure> {
    let mut view = View::default();
    view.take(sample(&mut primaries).await);
    tokio::time::sleep(args.interval).await;
    view.take(sample(&mut primaries).await);
    once::write(&view, &mut anstream::stdout().lock())
        .map_err(|error| Failure::of_output(&error))?;
    match view.away.as_slice() {
        [] => Ok(()),
        away => {
            let away: Vec<String> =
                away.iter().map(|(name, why)| format!("{name}: {why}")).collect();
            Err(Failure::Could(away.join("; ")))
        }
    }
}
