"""The bar chart of the README: instructions per call, relative to SET EX.

It is drawn for light and for dark pages: an SVG that a page shows as an image still asks the
reader's colour scheme.
"""

from __future__ import annotations

from html import escape

from bench.figures import Section
from bench.rows import BASE

SHOWN = (
    "PING",
    "INCR",
    BASE,
    "RL.FIXED, allowed",
    "RL.FIXED, denied",
    "RL.SLIDING, allowed",
    "RL.TOKEN, allowed",
    "RL.LEAKY, allowed",
    "RL.LOG 1,000, allowed",
    "RL.LIMIT, 1 clause, allowed",
    "RL.LIMIT, 3 clauses, allowed",
    "INCREX, allowed",
    "redis-cell, allowed",
    "Lua INCR+EXPIRE, allowed",
    "Lua sliding window, allowed",
    "Lua token bucket, allowed",
    "Lua sorted-set log, allowed",
)

_WIDTH, _LABELS, _VALUES = 720, 190, 56
_BAR, _GAP, _TOP, _BOTTOM = 18, 8, 44, 12

_STYLE = """
text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.ours { fill: #d6402b }
.server, .peer { fill: #8c959f }
.base { stroke: #57606a; stroke-width: 1; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .ours { fill: #ff7b62 }
  .server, .peer { fill: #6e7681 }
  .base { stroke: #9198a1 }
}
"""


def draw(section: Section, server: str) -> str:
    """The chart of what was measured of SHOWN."""
    bars = []
    for name in SHOWN:
        line = section.line(name)
        ratio = section.ratio(line) if line else None
        if line and ratio is not None:
            bars.append((name, line.kind, ratio))
    longest = max((ratio for _, _, ratio in bars), default=1.0)
    scale = (_WIDTH - _LABELS - _VALUES) / longest
    height = _TOP + len(bars) * (_BAR + _GAP) + _BOTTOM
    title = f"Instructions per call, {BASE} = 1 ({server})"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
        f' width="{_WIDTH}" height="{height}" role="img" aria-labelledby="title">',
        f'<title id="title">{escape(title)}</title>',
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="0" y="20">{escape(title)}</text>',
    ]
    for at, (name, kind, ratio) in enumerate(bars):
        y = _TOP + at * (_BAR + _GAP)
        width = max(ratio * scale, 1)
        # Beside the line at 1, not across it.
        value_x = _LABELS + max(width, scale) + 6
        text_y = y + _BAR - 5
        label = escape(name.removesuffix(", allowed"))
        parts += [
            f'<text x="{_LABELS - 8}" y="{text_y}" text-anchor="end">{label}</text>',
            f'<rect class="{kind}" x="{_LABELS}" y="{y}" width="{width:.1f}" height="{_BAR}"/>',
            f'<text x="{value_x:.1f}" y="{text_y}">{ratio:.2f}</text>',
        ]
    x = _LABELS + scale
    bottom = height - _BOTTOM
    parts.append(f'<line class="base" x1="{x:.1f}" y1="{_TOP - 8}" x2="{x:.1f}" y2="{bottom}"/>')
    return "\n".join([*parts, "</svg>"]) + "\n"
