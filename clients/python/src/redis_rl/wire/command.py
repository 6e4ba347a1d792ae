"""Commands as they go over the wire."""

from __future__ import annotations

from collections.abc import Sequence


def words(*parts: str) -> bytes:
    """Pack the words of a command, without their count."""
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in encoded)


def command(*parts: str) -> bytes:
    """Pack a whole command."""
    return b"*%d\r\n%b" % (len(parts), words(*parts))


def policy_get(name: str) -> bytes:
    """RL.POLICY GET of a policy."""
    return command("RL.POLICY", "GET", name)


def peek(key: str) -> bytes:
    """RL.PEEK of a key."""
    return command("RL.PEEK", key)


def settle(key: str, id: str, cost: int) -> bytes:
    """RL.SETTLE of a charge."""
    return command("RL.SETTLE", key, id, str(cost))


def lease(key: str, limit: int, duration: str, id: str) -> bytes:
    """RL.LEASE of a place."""
    return command("RL.LEASE", key, str(limit), duration, id)


def renew(key: str, duration: str, id: str) -> bytes:
    """RL.RENEW of a place."""
    return command("RL.RENEW", key, duration, id)


def release(key: str, id: str) -> bytes:
    """RL.RELEASE of a place."""
    return command("RL.RELEASE", key, id)


def named_charge(id: str, keep_s: int | None) -> tuple[str, ...]:
    """The words that end a charge with an id, known for so long or for a minute."""
    return ("ID", id) if keep_s is None else ("ID", id, "KEEP", f"{keep_s}s")


def rl_limit_named(key: str, clauses: bytes, count: int, cost: int, end: tuple[str, ...]) -> bytes:
    """`rl_limit` that ends with these words."""
    costs = () if cost == 1 else ("COST", str(cost))
    return b"*%d\r\n%b%b%b" % (
        2 + count + len(costs) + len(end),
        words("RL.LIMIT", key),
        clauses,
        words(*costs, *end),
    )


def rl_all(groups: Sequence[tuple[str, bytes, int, int]], end: tuple[str, ...]) -> bytes:
    """RL.ALL of groups of key, packed clauses, their number of words, and cost."""
    parts = []
    total = 1 + len(end)
    for at, (key, clauses, count, cost) in enumerate(groups):
        first = ("AND", key) if at else (key,)
        costs = () if cost == 1 else ("COST", str(cost))
        parts += [words(*first), clauses, words(*costs)]
        total += len(first) + count + len(costs)
    return b"*%d\r\n%b%b%b" % (total, words("RL.ALL"), b"".join(parts), words(*end))


def rl_limit(key: bytes, clauses: bytes, count: int, cost: int) -> bytes:
    """RL.LIMIT of a key: every limit in one command; `clauses` are `count` packed words."""
    if cost == 1:
        return b"*%d\r\n$8\r\nRL.LIMIT\r\n$%d\r\n%b\r\n%b" % (
            count + 2,
            len(key),
            key,
            clauses,
        )
    return b"*%d\r\n$8\r\nRL.LIMIT\r\n$%d\r\n%b\r\n%b%b" % (
        count + 4,
        len(key),
        key,
        clauses,
        words("COST", str(cost)),
    )
