"""An ASGI app under uvicorn, in a thread of the test's process."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
from websockets.sync.client import ClientConnection, connect

DEADLINE_S = 20.0


@contextmanager
def served(app: Any, **settings: Any) -> Iterator[str]:
    """Serve `app` on a free port of the loopback interface; answers `127.0.0.1:PORT`."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="critical", proxy_headers=False, **settings
    )
    server = uvicorn.Server(config)

    def run() -> None:
        with suppress(SystemExit):  # how it says that the app did not start
            server.run()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    deadline = time.monotonic() + DEADLINE_S
    while not server.started:
        assert thread.is_alive(), "uvicorn ended before it served"
        assert time.monotonic() < deadline, "uvicorn does not start"
        time.sleep(0.01)
    try:
        yield "{}:{}".format(*server.servers[0].sockets[0].getsockname())
    finally:
        server.should_exit = True
        thread.join(DEADLINE_S)
        assert not thread.is_alive(), "uvicorn does not stop"


@contextmanager
def hanging(address: str, path: str) -> Iterator[None]:
    """Ask for `path`, and hang up at the end without having heard an answer."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), 20) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
        yield


@contextmanager
def opened(app: Any, path: str) -> Iterator[ClientConnection]:
    """Open a WebSocket to `app` under uvicorn; refusals raise InvalidStatus."""
    with served(app) as address, connect(f"ws://{address}{path}", open_timeout=20) as opened:
        yield opened
