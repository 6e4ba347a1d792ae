"""What the module's switches cost: answers line by line, and evictions counted.

The second is paid by keys of any type, so it is measured at strings: in a server without the
module, with it, and with evictions counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from bench import callgrind, load
from bench.figures import Line, Section
from bench.progress import say
from bench.rows import BASE, KEY, by_name
from bench.servers import PLAIN, Bench
from support.resp import RawConnection
from support.server import Server

LINE_BY_LINE = "With fast-replies no"
OTHER_KEYS = "Other keys"
WITHOUT, WITH, COUNTED = "no module", "module", "module, count-evictions yes"

ANSWERS = (
    BASE,
    "RL.FIXED, allowed",
    "RL.FIXED, denied",
    "RL.TOKEN, allowed",
    "RL.LIMIT, 1 clause, allowed",
    "RL.LIMIT, 3 clauses, allowed",
    "RL.LIMIT, 16 clauses, allowed",
)
"""Answers of one, three and sixteen limits."""

_CALLS = 10_000
_EX = ("SET", KEY, "1", "EX", "10")
_LATER_MS = 20_000
_ONE = ("SET", KEY, "1")
_VALUE = ("SET", KEY, "x" * 40)


def sections(bench: Bench) -> list[Section]:
    """All that is measured here, instructions only."""
    others = [_other_keys(bench, title) for title in (WITHOUT, WITH, COUNTED)]
    return [_line_by_line(bench), *others]


def _line_by_line(bench: Bench) -> Section:
    section = Section(LINE_BY_LINE)
    with bench.counted(PLAIN) as server:
        _set(server, "ratelimit.fast-replies", "no")
        for row in by_name(*ANSWERS):
            say(f"{row.name}: instructions ({LINE_BY_LINE})")
            section.lines.append(Line(row.name, row.kind, callgrind.instructions(server, row)))
    return section


def _other_keys(bench: Bench, title: str) -> Section:
    """Calls at strings, each at another key, in one of the three servers."""
    section = Section(f"{OTHER_KEYS}: {title}")
    with bench.counted(clock=True, with_module=title != WITHOUT) as server:
        with server.raw() as connection:
            _empty(connection)
        if title == COUNTED:
            _set(server, "ratelimit.count-evictions", "yes")
        for name, measure in _MEASURED.items():
            say(f"{name}: instructions ({section.title.lower()})")
            with server.raw() as connection:
                section.lines.append(Line(name, "server", measure(server, connection)))
    return section


def _over(server: Server, connection: RawConnection) -> float:
    _make(connection, _EX)
    return _count(server, connection, _EX)


def _incr(server: Server, connection: RawConnection) -> float:
    _make(connection, _ONE)
    return _count(server, connection, ("INCR", KEY))


def _del(server: Server, connection: RawConnection) -> float:
    _make(connection, _ONE)
    return _count(server, connection, ("DEL", KEY))


def _expired(server: Server, connection: RawConnection) -> float:
    # Else the server would delete them all before anybody asks.
    connection("DEBUG", "SET-ACTIVE-EXPIRE", "0")
    _make(connection, _EX)
    server.clock.advance(_LATER_MS)
    return _count(server, connection, ("GET", KEY))


def _evicting(server: Server, connection: RawConnection) -> float:
    """About one eviction a call."""
    _empty(connection)
    _make(connection, _VALUE, 3 * _CALLS)
    told = connection("INFO", "memory")
    if not isinstance(told, bytes):
        raise TypeError(f"INFO answered {told!r}")
    used = told.split(b"\r\nused_memory:")[1].split(b"\r\n")[0].decode()
    policy = ("maxmemory-policy", "allkeys-random")
    connection("CONFIG", "SET", *policy, "maxmemory", used)
    return _count(server, connection, _VALUE, 3 * _CALLS)


_MEASURED: Mapping[str, Callable[[Server, RawConnection], float]] = {
    BASE: _over,
    "INCR": _incr,
    "DEL": _del,
    "GET, expired": _expired,
    "SET, evicting": _evicting,
}


def _count(server: Server, connection: RawConnection, call: Sequence[str], first: int = 0) -> float:
    lot = _lot(call, _CALLS, first)
    return callgrind.counted(server, partial(load.answer, connection, lot)) / _CALLS


def _empty(connection: RawConnection) -> None:
    """Delete all, and make a key with an expiry: where there is none, none is looked for."""
    connection("FLUSHALL")
    connection("SET", "kept", "1", "EX", "1000000")


def _make(connection: RawConnection, call: Sequence[str], many: int = _CALLS) -> None:
    """Make keys. A table of keys that has just grown moves them while it is used, so it is."""
    for _ in range(2):
        load.answer(connection, _lot(call, many))


def _lot(call: Sequence[str], many: int = _CALLS, first: int = 0) -> list[bytes]:
    return [load.encoded(call, number) for number in range(first, first + many)]


def _set(server: Server, name: str, value: str) -> None:
    with server.raw() as connection:
        told = connection("CONFIG", "SET", name, value)
        if str(getattr(told, "text", "")) != "OK":
            raise ValueError(f"{name} {value}: {told!r}")
