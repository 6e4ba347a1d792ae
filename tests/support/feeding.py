"""Servers that are given payloads: what they refuse, and whether what they take is sound."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from support.resp import Argument, Failure, RawConnection, Status
from support.server import Server
from support.verdicts import clauses, integers, rows

MAX_ANSWER = 2**53 - 1
HOUR_MS = 3_600_000

CONSUMING: dict[bytes, list[Argument]] = {
    b"fixed": ["RL.FIXED"],
    b"sliding": ["RL.SLIDING"],
    b"log": ["RL.LOG"],
    b"token": ["RL.TOKEN"],
    b"leaky": ["RL.LEAKY"],
}


def dump(connection: RawConnection, key: str = "k") -> bytes:
    """What DUMP answers of a key."""
    answer = connection("DUMP", key)
    assert isinstance(answer, bytes)
    return answer


def asks(name: bytes, key: str, limit: int, refill: int, period_ms: int) -> list[Argument]:
    """A call by the numbers of a row of RL.PEEK."""
    period = f"{period_ms}ms"
    kind = name.removeprefix(b"shadow-")
    bucket: list[Argument] = [refill] if kind in (b"token", b"leaky") else []
    if name == b"lease":
        return ["RL.LEASE", key, limit, period, "me"]
    if name == b"ban":
        return ["RL.LIMIT", key, "FIXED", 0, "1s", "BAN", limit, period, period]
    if kind != name:
        return ["RL.LIMIT", key, "SHADOW", kind.upper(), limit, *bucket, period]
    return [*CONSUMING[name], key, limit, *bucket, period]


def check_answers(connection: RawConnection, key: str) -> None:
    """Fail unless RL.PEEK and a consuming call of each limiter at the key answer in range."""
    peeked = connection("RL.PEEK", key)
    if isinstance(peeked, Failure):
        assert peeked.text.startswith("WRONGTYPE "), peeked
        return
    found = rows(peeked)
    assert len(found) <= 64
    for algorithm, *numbers in found:
        assert isinstance(algorithm, bytes)
        if algorithm == b"lease":
            check_places(connection, key, integers(numbers))
            continue
        limit, refill, period_ms, remaining, wait_ms, reset_ms = integers(numbers)
        least = 0 if algorithm == b"lease" else 1
        assert least <= limit <= 10**12
        assert least <= refill <= 10**12
        assert 1 <= period_ms <= 31_622_400_000
        assert 0 <= remaining <= limit
        assert -1 <= wait_ms <= MAX_ANSWER
        assert 0 < reset_ms <= MAX_ANSWER
        reply = connection(*asks(algorithm, key, limit, refill, period_ms))
        if isinstance(reply, Failure):
            # An RL.LOG of more than 1,000,000 is for who configured it, and so are many places.
            assert limit > (10_000 if algorithm == b"lease" else 1_000_000), reply
            continue
        if algorithm.startswith(b"shadow-"):
            assert reply == [1]
            continue
        told = clauses(reply)[1][1] if algorithm == b"ban" else integers(reply)
        allowed, limit, remaining, wait_ms, reset_ms = told
        assert allowed in (0, 1)
        assert 0 <= remaining <= limit
        assert -1 <= wait_ms <= MAX_ANSWER
        assert 0 <= reset_ms <= MAX_ANSWER


def check_places(connection: RawConnection, key: str, numbers: list[int]) -> None:
    """Fail unless what RL.PEEK shows of leases is in range, and so is what RL.LEASE answers."""
    limit, same, duration_ms, remaining, wait_ms, reset_ms = numbers
    assert 0 <= remaining <= limit == same <= 65_536
    assert 1 <= duration_ms <= 31_622_400_000
    assert -1 <= wait_ms <= MAX_ANSWER
    assert 0 < reset_ms <= MAX_ANSWER
    asked = min(limit, 10_000)
    told = integers(connection("RL.LEASE", key, asked, f"{duration_ms}ms", "an id of mine"))
    allowed, limit, remaining, wait_ms, reset_ms = told
    assert allowed in (0, 1)
    assert 0 <= remaining <= limit == asked
    assert -1 <= wait_ms <= MAX_ANSWER
    assert 0 < reset_ms <= MAX_ANSWER


def feed(server: Server, commands: Iterable[Sequence[Argument]], key: str = "k") -> list[bool]:
    """Give the server each command on an absent key; tell which were accepted.

    Fail unless each is refused, or what it made answers in range and can be restored again.
    """
    pid, taken = server.pid, []
    with server.raw() as connection:
        for command in commands:
            reply = connection(*command)
            taken.append(not isinstance(reply, Failure))
            if isinstance(reply, Failure):
                assert reply.text.startswith("ERR ") or "BADKEY" in reply.text, reply
                assert connection("EXISTS", key) == 0, "refused, but there is a key"
                continue
            if connection("TYPE", key) == Status("ratelimit"):
                copied = connection("RESTORE", "copy", 0, dump(connection, key))
                assert copied == Status("OK"), "what was accepted is not accepted again"
            check_answers(connection, key)
            connection("DEL", key, "copy")
    assert server.running
    assert server.pid == pid
    return taken


def restores(values: Iterable[bytes]) -> Iterable[Sequence[Argument]]:
    """Commands that restore each of these to k."""
    return (["RESTORE", "k", HOUR_MS, value] for value in values)


def applies(values: Iterable[bytes]) -> Iterable[Sequence[Argument]]:
    """Commands that apply each of these effects to k."""
    return (["RL.APPLY", "k", value] for value in values)


def peak_memory(connection: RawConnection) -> int:
    """The most that the server has used so far."""
    text = connection("INFO", "memory")
    assert isinstance(text, bytes)
    return int(text.split(b"used_memory_peak:")[1].split(b"\r\n")[0])
