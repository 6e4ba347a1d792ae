"""Calls at keys that are not there, or whose time is over: each call finds another one.

All other rows find their limiter where they left it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench import callgrind, load
from bench.figures import Line, Section
from bench.progress import say
from bench.rows import BASE, Row, by_name
from bench.servers import Bench
from bench.timing import cpu_ns
from support.server import Server

NEW, EXPIRED = "New keys", "Expired keys"

FIRST_CALLS = (
    BASE,
    "RL.FIXED, allowed",
    "RL.SLIDING, allowed",
    "RL.TOKEN, allowed",
    "RL.LEAKY, allowed",
    "RL.LIMIT, 1 clause, allowed",
    "RL.LOG 1,000, allowed",
    "RL.TOKEN 1000 1000 1s",
)

_CALLS = callgrind.CALLS
_RUNS = 3
_LATER_MS = 100 * 60 * 60 * 1000
"""Longer than anything here lives."""

Before = Callable[[Server, Row], None]
Meter = Callable[[Server, Callable[[], None]], int]


def new_keys(bench: Bench, *, in_full: bool) -> Section:
    """First calls; instructions only unless it is to be in full."""
    return _section(bench, NEW, _with_none, in_full=in_full)


def expired_keys(bench: Bench) -> Section:
    """The first call after a key's time, the server not having come to delete it."""
    return _section(bench, EXPIRED, _with_expired, in_full=True)


def _section(bench: Bench, title: str, before: Before, *, in_full: bool) -> Section:
    rows = by_name(*FIRST_CALLS)
    section = Section(title, [Line(row.name, row.kind) for row in rows])
    # Where keys are to expire, the server is under a clock that is set.
    clock = before is _with_expired
    with bench.counted(clock=clock) as server:
        for row, line in zip(rows, section.lines, strict=True):
            say(f"{row.name}: instructions ({title.lower()})")
            line.instructions = _per_call(server, row, before, callgrind.counted)
    if in_full:
        with bench.plain(clock=clock) as server:
            for row, line in zip(rows, section.lines, strict=True):
                say(f"{row.name}: time ({title.lower()})")
                runs = range(_RUNS)
                line.cpu_ns = min(_per_call(server, row, before, cpu_ns) for _ in runs)
    return section


def _per_call(server: Server, row: Row, before: Before, meter: Meter) -> float:
    """The cost of a call, one at each of many keys."""
    before(server, row)
    calls = _calls(row)
    with server.raw() as connection:
        # What a server does at the first call of a connection is not to be counted.
        connection("PING")
        return meter(server, lambda: row.check(load.answer(connection, calls))) / len(calls)


def _calls(row: Row) -> Sequence[bytes]:
    return [load.encoded(row.call, number) for number in range(_CALLS)]


def _with_none(server: Server, _row: Row) -> None:
    with server.raw() as connection:
        connection("FLUSHALL")


def _with_expired(server: Server, row: Row) -> None:
    with server.raw() as connection:
        connection("FLUSHALL")
        # Else the server would delete them all before anybody asks.
        connection("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    load.fill(server, iter(_calls(row)))
    server.clock.advance(_LATER_MS)
