"""A plain connection: any bytes in, the server's own bytes out.

redis-py takes the code off an error and turns replies into what it thinks is handy. Where a
test is about the reply itself, or sends what no client would, it uses this.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

Argument = bytes | str | int

TIMEOUT_S = 60.0
"""How long a reply is waited for: only a fault takes so long."""


@dataclass(frozen=True)
class Failure:
    """An error reply, its code included."""

    text: str


@dataclass(frozen=True)
class Status:
    """A simple string, as +OK."""

    text: str


Reply = int | bytes | float | bool | Failure | Status | None | list["Reply"] | dict[str, "Reply"]


def encode(arguments: Sequence[Argument]) -> bytes:
    """The command as a client writes it."""
    parts = [b"*%d\r\n" % len(arguments)]
    for argument in arguments:
        word = argument if isinstance(argument, bytes) else str(argument).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


class RawConnection:
    """A socket to a server, and a reader of replies in RESP2 and RESP3."""

    def __init__(self, port: int, timeout: float = TIMEOUT_S) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout)
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()

    def __call__(self, *arguments: Argument) -> Reply:
        """Send one command and read its reply; an error is a Failure, not an exception."""
        self.send(encode(arguments))
        return self.read()

    def pipeline(self, commands: Iterable[Sequence[Argument]]) -> list[Reply]:
        """Send all commands at once, then read all replies."""
        encoded = [encode(command) for command in commands]
        self.send(b"".join(encoded))
        return [self.read() for _ in encoded]

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def read(self) -> Reply:
        """Read one reply."""
        line = self._line()
        mark, rest = line[:1], line[1:]
        match mark:
            case b"+":
                return Status(rest.decode())
            case b"-":
                return Failure(rest.decode(errors="replace"))
            case b":":
                return int(rest)
            case b"$" | b"=":
                return self._bulk(int(rest))
            case b"*" | b"~" | b">":
                return None if rest == b"-1" else [self.read() for _ in range(int(rest))]
            case b"%":
                return {str(self.read()): self.read() for _ in range(int(rest))}
            case b"_":
                return None
            case b"#":
                return rest == b"t"
            case b",":
                return float(rest)
            case _:
                raise ValueError(f"no RESP reply begins like {line!r}")

    def skip_file(self) -> None:
        """Read past the file that a replica is sent: it may be waited for, and ends by itself."""
        while not (line := self._line(b"\n").strip()):
            pass
        assert line.startswith(b"$"), line
        self._file.read(int(line[1:]))

    def _bulk(self, length: int) -> bytes | None:
        if length < 0:
            return None
        data = self._file.read(length + 2)
        if len(data) < length + 2:
            raise ConnectionError("the server hung up")
        return data[:-2]

    def _line(self, end: bytes = b"\r\n") -> bytes:
        line = self._file.readline()
        if not line.endswith(end):
            raise ConnectionError("the server hung up")
        return line[: -len(end)]
