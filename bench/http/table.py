"""The results as tables: aligned for a terminal, or in Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from bench.http.figures import Line, Results
from bench.table import Table, listing, page

_HEADER = ["", "requests/s", "of no limiter", "of one INCR", "p99 ms", "CPU us", "versions"]


def text(results: Results) -> str:
    """For a terminal."""
    return listing(_tables(results))


def markdown(results: Results) -> str:
    """For a page."""
    return page("Figures over HTTP", "make bench-http", results.about, _tables(results))


def _tables(results: Results) -> Iterator[tuple[str, Table]]:
    for (group, connections), lines in groupby(
        results.lines, key=lambda line: (line.group, line.connections)
    ):
        many = "1 connection" if connections == 1 else f"{connections} connections"
        yield f"{group}, {many}", [_HEADER, *map(_row, lines)]


def _row(line: Line) -> list[str]:
    return [
        line.name,
        f"{line.per_second:,.0f}",
        _ratio(line.of_bare),
        _ratio(line.of_incr),
        f"{line.p99_ms:,.1f}",
        f"{line.cpu_us:,.0f}",
        ", ".join(f"{name} {version}" for name, version in line.libraries.items()),
    ]


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
