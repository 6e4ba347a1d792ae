"""What stands in Redis after a walk."""

from __future__ import annotations

import re

from support.server import Server

_FIELD = re.compile(r"(?:[A-Za-z0-9._~-]|%[0-9A-F]{2})+")


def keys(server: Server) -> list[str]:
    """All keys, each of which has exactly four encoded fields."""
    with server.client(decode_responses=True) as client:
        found: list[str] = sorted(client.keys("*"))
    for key in found:
        fields = key.split(":")
        assert len(fields) == 4, key
        assert all(_FIELD.fullmatch(one) for one in fields), key
        assert fields[2] in ("ip", "user", "team"), key
    return found


def used(server: Server, key: str) -> int:
    """How much of a FIXED limit is used."""
    with server.client() as client:
        standing = client.execute_command("RL.PEEK", key)
    (one,) = standing or [[b"fixed", 0, 0, 0, 0, 0, 0]]
    return int(one[1] - one[4])
