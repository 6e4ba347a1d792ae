"""What a subscriber of keyspace events is told."""

from __future__ import annotations

from collections.abc import Iterator

from support.resp import Failure
from support.server import Server


class Listener:
    """What a subscriber of all keyspace events is told."""

    def __init__(self, server: Server) -> None:
        self._raw = server.raw()
        self._raw("PSUBSCRIBE", "__key*__:*")

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Each message: its channel, without the underscores, and what it says."""
        while True:
            message = self._raw.read()
            assert isinstance(message, list)
            channel, said = (part for part in message[2:] if isinstance(part, bytes))
            yield channel.decode().replace("__", ""), said.decode()


def heard(server: Server, *lines: str) -> list[tuple[str, str]]:
    """What is told of these calls, and of no more than these."""
    listener = Listener(server)
    with server.raw() as raw:
        for line in lines:
            assert not isinstance(raw(*line.split()), Failure), line
        raw("RL.FIXED", "the end", 10**6, "1m")
    told: list[tuple[str, str]] = []
    for channel, said in listener:
        if "the end" in channel or "the end" in said:
            return told
        told.append((channel, said))
    raise AssertionError("unreachable")
