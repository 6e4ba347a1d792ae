"""Requests to an app within the test's own event loop."""

from __future__ import annotations

from typing import Any

import httpx

ADDRESS = "192.0.2.1"
SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "GET",
    "path": "/",
    "raw_path": b"/",
    "query_string": b"",
    "root_path": "",
    "headers": [],
    "client": (ADDRESS, 1),
}
"""A request as ASGI has it, to be copied."""


def asking(
    app: Any, address: str | None = ADDRESS, root_path: str = "", *, raising: bool = False
) -> httpx.AsyncClient:
    """A client of `app` whose requests come from `address`.

    Errors of the app are 500s unless they are asked for.
    """
    peer: Any = (address, 50_000) if address else None
    transport = httpx.ASGITransport(
        app, raise_app_exceptions=raising, client=peer, root_path=root_path
    )
    return httpx.AsyncClient(transport=transport, base_url="http://app.example")
