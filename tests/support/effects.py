"""What the module sent to the AOF: the payloads of its internal command."""

from __future__ import annotations

from collections.abc import Iterator

from support.server import Server


def effects(server: Server) -> list[bytes]:
    """The payloads in the server's AOF, oldest first; it must run with appendfsync always."""
    files = sorted((server.folder / "appendonlydir").glob("*.incr.aof"))
    written = [command for file in files for command in commands(file.read_bytes())]
    return [words[2] for words in written if words[0].upper() == b"RL.APPLY"]


def commands(aof: bytes) -> Iterator[list[bytes]]:
    """The commands that a stretch of AOF holds."""
    at = 0

    def line() -> bytes:
        nonlocal at
        start, at = at, aof.index(b"\r\n", at) + 2
        return aof[start : at - 2]

    while at < len(aof):
        words = []
        for _ in range(int(line()[1:])):
            length = int(line()[1:])
            words.append(aof[at : at + length])
            at += length + 2
        yield words
