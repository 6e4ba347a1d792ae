"""Where a call's instructions go, by function: what of a call is the server's own, the floor."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench import callgrind, load
from bench.rows import KEYS, Row, by_name
from bench.servers import Bench

Whose = Literal["server", "library", "ours"]

CALLED = "RL.FIXED, allowed"
FIRST = "processInputBuffer"
"""The server's function that takes one client's calls; what is above it is its event loop."""
LONGEST = 10
"""So many functions of the server are shown, and at most as many of ours."""

_LINE = re.compile(
    r" *(?P<count>[\d,]+) +(?:\([ \d.]+%\) +)?[^:]*:(?P<name>\S.*?)(?: \[(?P<file>.+)\])?$"
)


@dataclass(frozen=True)
class Function:
    """What a function takes of one call, in instructions."""

    name: str
    whose: Whose
    inclusive: float
    """With all that it calls."""
    own: float


@dataclass(frozen=True)
class Floor:
    """What one call takes, by whose code it is, and in which functions."""

    call: str
    total: float
    server: float
    library: float
    ours: float
    functions: list[Function]


def measure(bench: Bench) -> Floor:
    """Count one kind of call, function by function."""
    [row] = by_name(CALLED)
    with bench.counted() as server:
        load.prepare(server, row, KEYS)
        dump = callgrind.dumped(server, row, callgrind.CALLS)
        inclusive, own = _counts(dump, inclusive=True), _counts(dump, inclusive=False)
        dump.unlink()
    return _floor(row, inclusive, own, callgrind.CALLS)


Counts = dict[str, tuple[Whose, int]]


def _counts(dump: Path, *, inclusive: bool) -> Counts:
    """Each function's instructions, as callgrind_annotate lists them."""
    options = [f"--inclusive={'yes' if inclusive else 'no'}", "--threshold=100", "--auto=no"]
    listed = subprocess.run(
        ["callgrind_annotate", *options, str(dump)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    counts: Counts = {}
    for name, whose, count in _lines(listed.stdout):
        # A function has a line for each file that it has code of; with all that it calls, the
        # longest is the function's.
        before = counts.get(name, (whose, 0))[1]
        counts[name] = (whose, max(before, count) if inclusive else before + count)
    return counts


def _lines(listed: str) -> Iterator[tuple[str, Whose, int]]:
    for line in listed.splitlines():
        found = _LINE.match(line)
        if found:
            name = found["name"]
            yield name, _whose(name, found["file"]), int(found["count"].replace(",", ""))


def _whose(name: str, file: str | None) -> Whose:
    if "::" in name:
        return "ours"
    return "library" if ".so" in (file or "").rsplit("/", 1)[-1] else "server"


def _floor(row: Row, inclusive: Counts, own: Counts, calls: int) -> Floor:
    def sum_of(whose: Whose) -> float:
        return sum(count for owner, count in own.values() if owner == whose) / calls

    functions = [
        Function(name, whose, count / calls, own.get(name, (whose, 0))[1] / calls)
        for name, (whose, count) in sorted(inclusive.items(), key=lambda item: -item[1][1])
        if not name.startswith("0x") and count <= inclusive.get(FIRST, (whose, count))[1]
    ]
    shown = [
        function
        for whose in ("server", "ours")
        for function in [each for each in functions if each.whose == whose][:LONGEST]
        if function.inclusive * 100 >= functions[0].inclusive
    ]
    server, library, ours = sum_of("server"), sum_of("library"), sum_of("ours")
    return Floor(row.name, server + library + ours, server, library, ours, shown)
