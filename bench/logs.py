"""RL.LOG with a full log of many entries: what a call costs must not grow with them.

A log holds one entry for each millisecond in which something was admitted. So the server runs
under the tests' clock, which goes on by one millisecond for every PIPELINE calls, one at each
of as many keys: every call adds an entry, and the oldest one has just left.
"""

from __future__ import annotations

from collections.abc import Callable

from bench import callgrind, load, memory
from bench.figures import Line, Section
from bench.progress import say
from bench.rows import BASE, KEY, Row, allowed_and_denied, by_name, key
from bench.servers import Bench
from bench.timing import least_cpu_ns
from support.server import Server

SIZES = (100, 1_000, 10_000, 100_000)
ALLOWED, DENIED = "RL.LOG, allowed", "RL.LOG, denied"

_KEYS = load.PIPELINE
_LOTS = callgrind.CALLS // _KEYS

Meter = Callable[[Server, Callable[[], None]], int]


def title(entries: int) -> str:
    """The title of the section about logs of that size."""
    return f"RL.LOG with {entries:,} entries"


def sections(bench: Bench) -> list[Section]:
    """One section for each size, each with SET EX under the same clock."""
    made = []
    with bench.counted(clock=True) as counted, bench.plain(clock=True) as plain:
        for entries in SIZES:
            say(f"{title(entries)}: instructions and time")
            section = Section(title(entries))
            made.append(section)
            rows = _rows(entries)
            _empty(plain)
            _empty(counted)
            for row in rows:
                line = Line(row.name, row.kind)
                section.lines.append(line)
                if row.name == ALLOWED:
                    line.bytes_per_entry = _fill(plain, row, entries)
                    _fill(counted, row, entries)
                line.instructions = _per_call(counted, row, callgrind.counted)
                line.cpu_ns = _per_call(plain, row, least_cpu_ns)
    return made


def _rows(entries: int) -> list[Row]:
    call = ("RL.LOG", KEY, str(entries), f"{entries}ms")
    return [*by_name(BASE), *allowed_and_denied("RL.LOG", "ours", call, call)]


def _fill(server: Server, row: Row, entries: int) -> float:
    """Fill the log of each key to its limit; the bytes that an entry takes."""
    [call, *others] = [load.encoded(row.call, number) for number in range(_KEYS)]
    _empty(server)
    with server.raw() as connection:
        # The server begins to keep statistics of a command when it runs first.
        row.check(load.answer(connection, [call]))
        connection("COPY", key(0), key(1))
    _empty(server)
    empty = memory.settled(server)
    with server.raw() as connection:
        for _ in range(entries):
            server.clock.advance(1)
            row.check(load.answer(connection, [call]))
        for number in range(1, len(others) + 1):
            connection("COPY", key(0), key(number))
    return (memory.settled(server) - empty) / _KEYS / entries


def _empty(server: Server) -> None:
    with server.raw() as connection:
        connection("FLUSHALL")


def _per_call(server: Server, row: Row, meter: Meter) -> float:
    """The cost of a call, the clock going on between lots unless the row is about denials."""
    step_ms = 0 if row.name == DENIED else 1
    calls = [load.encoded(row.call, number) for number in range(_KEYS)]
    with server.raw() as connection:

        def work() -> None:
            for _ in range(_LOTS):
                server.clock.advance(step_ms)
                row.check(load.answer(connection, calls))

        return meter(server, work) / (_LOTS * _KEYS)
