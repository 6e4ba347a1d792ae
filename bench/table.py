"""The results as tables: aligned for a terminal, or in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from bench.figures import Outcome, Results, Section
from bench.floor import Floor

Table = list[list[str]]


def text(results: Results) -> str:
    """For a terminal."""
    return listing(_tables(results))


def markdown(results: Results) -> str:
    """For a page."""
    return page("Figures", "make bench", results.about, _tables(results))


def _tables(results: Results) -> Iterator[tuple[str, Table]]:
    for section in results.sections:
        yield section.title, _of_section(section)
    if results.core_ns:
        core = [[name, f"{ns:,.1f}"] for name, ns in results.core_ns.items()]
        yield "core/ alone", [["decision", "ns"], *core]
    if results.floor:
        yield f"One call by function: {results.floor.call}", _of_floor(results.floor)
    if results.bars:
        yield "Bars", [["what", "measured", "at most", ""], *map(_of_bar, results.bars)]


def _of_section(section: Section) -> Table:
    columns = [
        ("instructions", [_number(line.instructions) for line in section.lines]),
        ("x SET EX", [_number(section.ratio(line), 2) for line in section.lines]),
        ("CPU ns", [_number(line.cpu_ns) for line in section.lines]),
        ("calls/s", [_number(line.per_second) for line in section.lines]),
        ("p50 us", [_number(line.p50_us) for line in section.lines]),
        ("p99 us", [_number(line.p99_us) for line in section.lines]),
        ("bytes/key", [_number(line.bytes_per_key) for line in section.lines]),
        ("bytes/entry", [_number(line.bytes_per_entry, 2) for line in section.lines]),
    ]
    kept = [(title, cells) for title, cells in columns if any(cells)]
    header = ["call", *(title for title, _ in kept)]
    return [
        header,
        *([line.name, *(cells[at] for _, cells in kept)] for at, line in enumerate(section.lines)),
    ]


def _of_floor(floor: Floor) -> Table:
    sums = [
        ("all that is the server's", floor.server),
        ("all that is the C library's or the allocator's", floor.library),
        ("all that is ours", floor.ours),
        ("the whole call", floor.total),
    ]
    return [
        ["function", "whose", "with all that it calls", "itself"],
        *(
            [f"`{each.name}`", each.whose, _number(each.inclusive), _number(each.own)]
            for each in floor.functions
        ),
        *([name, "", "", _number(count)] for name, count in sums),
    ]


def _of_bar(bar: Outcome) -> list[str]:
    digits = 2 if bar.at_most < 10 else 0
    met = {True: "met", False: "NOT MET", None: "not measured"}[bar.met]
    return [bar.what, _number(bar.measured, digits), _number(bar.at_most, digits), met]


def _number(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def listing(tables: Iterable[tuple[str, Table]]) -> str:
    """Tables under their titles, for a terminal."""
    return "\n".join(line for title, table in tables for line in ("", title, "", *_aligned(table)))


def page(
    title: str, command: str, about: Mapping[str, object], tables: Iterable[tuple[str, Table]]
) -> str:
    """Tables under their titles, on a page that says what wrote it, and on what."""
    lines = [
        f"# {title}",
        "",
        f"Written by `{command}`; docs/performance.md tells how to read it.",
        "",
        *(f"- {name.replace('_', ' ')}: {value}" for name, value in about.items()),
    ]
    for heading, table in tables:
        lines += ["", f"## {heading}", "", *_piped(table)]
    return "\n".join(lines) + "\n"


def _aligned(table: Table) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]


def _piped(table: Table) -> list[str]:
    header, *rows = table
    rule = ["---", *["--:"] * (len(header) - 1)]
    return ["| " + " | ".join(row) + " |" for row in (header, rule, *rows)]
