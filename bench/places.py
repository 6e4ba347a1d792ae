"""Leases, limits on trial and bans: what they cost beside a call that names none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bench import callgrind, load, memory
from bench.figures import Line, Section
from bench.progress import say
from bench.rows import KEYS, PLENTY, begins, key
from bench.servers import Bench
from support.resp import RawConnection, Reply, encode
from support.server import Server

TITLE = "Leases, limits on trial and bans"

LOG = "RL.LOG, allowed"
HELD = 100
"""Leases at a key."""

TAKEN = f"RL.LEASE, {HELD} held, allowed"
TAKEN_AGAIN = f"RL.LEASE, {HELD} held, its own place again"
REFUSED = f"RL.LEASE, {HELD} held, denied"
RENEWED = f"RL.RENEW, {HELD} held"
RELEASED = f"RL.RELEASE, {HELD} held"

FEW, MANY = 100, 10_000
"""Ids that are given back at once, of as many as a key can hold."""
CROWD = 65_536

LIMIT = "RL.LIMIT, allowed"
DENIED = "RL.LIMIT, denied"
SHADOWED = "RL.LIMIT with SHADOW, allowed"
WATCHED = "RL.LIMIT with BAN, allowed"
COUNTED = "RL.LIMIT with BAN, denied"
BANNED = "RL.LIMIT with BAN, banned"
TWO_DENIED = "RL.LIMIT, 2 clauses, denied"
LEASE = "a lease"

_CALLS = 10_000
_AT = 1_000
"""Calls at keys with so many leases, for they take long to fill."""

Calls = Sequence[Sequence[str]]
Right = Callable[[Reply], bool]


def given_back(ids: int) -> str:
    """The row of one call that gives so many leases back, for each of them."""
    return f"RL.RELEASE of {ids:,} ids, {CROWD:,} held, each"


def section(bench: Bench) -> Section:
    """All that is measured here: instructions, and the bytes of a lease."""
    with bench.counted() as server:
        lines = [*_of_leases(server), *_of_crowds(server), *_of_limits(server)]
    with bench.plain() as server:
        lines.append(Line(LEASE, "ours", bytes_per_entry=_bytes_per_lease(server)))
    return Section(TITLE, lines)


def _of_leases(server: Server) -> Iterator[Line]:
    entry = [["RL.LOG", key(n % KEYS), PLENTY, "1h"] for n in range(_CALLS)]
    yield _line(server, LOG, entry[:KEYS] * 20, entry, begins(1))
    keys = _AT // 10
    held = [_take(at, one) for one in range(HELD) for at in range(keys)]
    more = [_take(n % keys, HELD + n // keys) for n in range(_AT)]
    yield _line(server, TAKEN, held, more, begins(1))
    again = [_take(n % keys, n * 7 % HELD) for n in range(_AT)]
    yield _line(server, TAKEN_AGAIN, held, again, begins(1))
    refused = [_take(n % keys, HELD + n, limit=HELD) for n in range(_AT)]
    yield _line(server, REFUSED, held, refused, begins(0))
    named = [(key(n % keys), _id(n // keys * 7 % HELD)) for n in range(_AT)]
    renew = [["RL.RENEW", at, "2h", name] for at, name in named]
    yield _line(server, RENEWED, held, renew, lambda reply: reply == 1)
    release = [["RL.RELEASE", at, name] for at, name in named]
    yield _line(server, RELEASED, held, release, lambda reply: reply == 1)


def _of_crowds(server: Server) -> Iterator[Line]:
    with server.raw() as connection:
        connection("CONFIG", "SET", "ratelimit.lease-max-limit", CROWD)
    held = [_take(0, one, limit=CROWD) for one in range(CROWD)]
    for ids in (FEW, MANY):
        # Neither in the order in which they were taken nor in the reverse.
        names = [_id(one * 7 % CROWD) for one in range(ids)]
        call = ["RL.RELEASE", key(0), *names]
        line = _line(server, given_back(ids), held, [call], ids.__eq__)
        line.instructions = (line.instructions or 0) / ids
        yield line


def _of_limits(server: Server) -> Iterator[Line]:
    fixed = ("FIXED", PLENTY, "1h")
    ban = ("BAN", "1000000", "1h", "1d")

    def calls(*clauses: str) -> list[list[str]]:
        return [["RL.LIMIT", key(n % KEYS), *clauses] for n in range(_CALLS)]

    for name, clauses in {
        LIMIT: fixed,
        SHADOWED: (*fixed, "SHADOW", *fixed),
        WATCHED: (*fixed, *ban),
    }.items():
        asked = calls(*clauses)
        yield _line(server, name, asked[:KEYS] * 20, asked, begins(1))
    used = ("FIXED", "1", "1h")
    for name, clauses in {
        DENIED: used,
        TWO_DENIED: (*used, "FIXED", "1", "2h"),
        COUNTED: (*used, *ban),
        BANNED: (*used, "BAN", "1", "1h", "1d"),
    }.items():
        asked = calls(*clauses)
        yield _line(server, name, asked[:KEYS] * 20, asked, begins(0))


def _line(server: Server, name: str, before: Calls, calls: Calls, right: Right) -> Line:
    say(f"{name}: instructions ({TITLE.lower()})")
    with server.raw() as connection:
        connection("FLUSHALL")
        load.fill(server, (encode(list(call)) for call in before))
        connection("PING")
        instructions = callgrind.counted(server, lambda: _make(connection, calls, right))
    return Line(name, "ours", instructions / len(calls))


def _make(connection: RawConnection, calls: Calls, right: Right) -> None:
    reply = load.answer(connection, [encode(list(call)) for call in calls])
    if not right(reply):
        raise ValueError(f"{' '.join(calls[-1][:9])} answered {reply!r}")


def _bytes_per_lease(server: Server) -> float:
    """What memory grows by for each further lease, an id of 16 bytes in each."""
    with server.raw() as connection:
        connection("FLUSHALL")
    keys = KEYS // 10
    load.fill(server, (encode(_take(at, 0)) for at in range(keys)))
    before = memory.settled(server)
    more = [encode(_take(at, one)) for one in range(1, KEYS) for at in range(keys)]
    load.fill(server, iter(more))
    return (memory.settled(server) - before) / len(more)


def _take(at: int, one: int, limit: int = 10_000) -> list[str]:
    return ["RL.LEASE", key(at), str(limit), "1h", _id(one)]


def _id(number: int) -> str:
    """An id of sixteen bytes."""
    return f"{number:016d}"
