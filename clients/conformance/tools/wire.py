"""HTTP byte by byte: what is sent is what was written, and an answer is all that came back."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

DEADLINE_S = 60.0

# A port of the loopback address, or a Unix socket.
Where = int | Path


@dataclass(frozen=True)
class Answer:
    """A response, and how many seconds it took to come."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    took: float

    def lines(self, name: str) -> list[str]:
        """The values of all header lines of that name."""
        return [value for one, value in self.headers if one.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        """The value of that header, which must not come twice."""
        values = self.lines(name)
        assert len(values) < 2, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


def request(method: str, target: str, headers: Sequence[str] = ()) -> bytes:
    """The bytes of a request; headers are latin-1, so that any byte can be sent."""
    length = ["Content-Length: 0"] if method in ("POST", "PUT", "PATCH") else []
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", *length, *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


class Connection:
    """A connection that is kept alive."""

    def __init__(self, where: Where) -> None:
        if isinstance(where, int):
            self.socket = socket.create_connection(("127.0.0.1", where), DEADLINE_S)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(DEADLINE_S)
            self.socket.connect(str(where))

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self.socket.close()

    def ask(self, method: str, target: str, *headers: str) -> Answer:
        """Send a request and read its answer."""
        began = time.monotonic()
        self.socket.sendall(request(method, target, headers))
        return self.read(method, began)

    def read(self, method: str = "GET", began: float | None = None) -> Answer:
        """Read the answer to a request that was sent, at `began` if that is known."""
        began = time.monotonic() if began is None else began
        with http.client.HTTPResponse(self.socket, method=method) as response:
            response.begin()
            body = response.read()
        return Answer(response.status, response.getheaders(), body, time.monotonic() - began)


def ask(where: Where, method: str, target: str, headers: Sequence[str] = ()) -> Answer:
    """Send a request on a connection of its own."""
    with Connection(where) as connection:
        return connection.ask(method, target, *headers)


def everything(port: int, data: bytes) -> bytes:
    """All bytes that answer `data`, until the server hangs up."""
    with Connection(port) as connection:
        connection.socket.sendall(data)
        received = b""
        while chunk := connection.socket.recv(65536):
            received += chunk
        return received
