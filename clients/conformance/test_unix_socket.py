"""Apps that a proxy reaches over a Unix socket, where a peer has no address."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conformance.conftest import StartApp, url
from conformance.tools.apps import App
from conformance.tools.expected import unidentified, unlimited
from conformance.tools.keyspace import keys
from support.server import Server

FROM = "X-Forwarded-For: "


@contextmanager
def on_a_socket(new_app: StartApp, server: Server, folder: Path, **settings: str) -> Iterator[App]:
    socket = folder / "app.sock"
    with new_app(SOCKET=str(socket), REDIS_URL=url(server), **settings) as app:
        yield app


BELIEVED = {
    "unix": [
        (["203.0.113.9"], "203.0.113.9"),
        (["198.51.100.7, 203.0.113.9"], "203.0.113.9"),
        (["198.51.100.7", "203.0.113.9"], "203.0.113.9"),
        (["2001:db8::1"], "2001%3Adb8%3A%3A%2F64"),
    ],
    "10.0.0.0/8, unix": [
        (["203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        (["garbage, 10.0.0.2"], "10.0.0.2"),
    ],
}


@pytest.mark.parametrize("trusted", BELIEVED)
def test_what_the_proxy_says_is_believed_where_it_is_trusted(
    server: Server, new_app: StartApp, tmp_path: Path, trusted: str
) -> None:
    with on_a_socket(new_app, server, tmp_path, TRUSTED_PROXIES=trusted) as app:
        for lines, subject in BELIEVED[trusted]:
            assert app.post("/login", *[FROM + line for line in lines]).status == 200
            assert keys(server) == [f"rl:login:ip:{subject}"], lines
            with server.client() as client:
                client.flushall()


@pytest.mark.parametrize("mode", ["closed", "open"])
@pytest.mark.parametrize(
    ("trusted", "chains"),
    [
        ("", [[], ["203.0.113.9"]]),
        ("127.0.0.1,0.0.0.0/0,::/0", [["203.0.113.9"]]),
        ("unix", [[], [""], ["203.0.113.9, unknown"], ["203.0.113.9,"]]),
    ],
)
def test_nobody_is_refused_in_every_mode_and_no_outage(
    server: Server,
    new_app: StartApp,
    tmp_path: Path,
    mode: str,
    trusted: str,
    chains: list[list[str]],
) -> None:
    settings = {"ON_ERROR": mode, "TRUSTED_PROXIES": trusted}
    with on_a_socket(new_app, server, tmp_path, **settings) as app:
        before, began = app.log(), time.monotonic()
        for lines in chains:
            for path in ("/items", "/items/1", "/report", "/quotes/A", "/stream", "/slow", "/boom"):
                unidentified(app.get(path, *[FROM + line for line in lines]))
        most = 2 + time.monotonic() - began
        told = [line for line in app.log()[len(before) :].splitlines() if "identif" in line]
        assert len(told) <= most, told
        unlimited(app.get("/health"))
        # Who is somebody is served: no breaker has opened.
        answer = app.get("/user_data", "Authorization: Bearer user123_token")
        assert answer.status == 200
        assert answer.lines("RateLimit")
        assert keys(server) == ["rl:GET%20%2Fuser_data:user:user123"]
