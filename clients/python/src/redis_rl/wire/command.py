"""Commands as they go over the wire."""

from __future__ import annotations


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
