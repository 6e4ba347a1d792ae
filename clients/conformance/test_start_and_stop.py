"""How an app starts, refuses to, and ends."""

from __future__ import annotations

import re
import signal
import time

import pytest

from conformance.conftest import StartApp, url
from conformance.tools.apps import App
from conformance.tools.monitor import Monitor
from conformance.tools.wire import Connection, request
from support.eventually import eventually
from support.pool import NewServer
from support.ports import free_port
from support.server import Server

TRACES = re.compile(
    r"Traceback|panicked|RUST_BACKTRACE|node:internal|^\s+at |Error\s*\{|\\n|\\\"", re.M
)


def refuses(app: App, *words: str) -> None:
    """It does not start; what it says has all words, and is for people."""
    app.start()
    code = app.ended()
    assert 0 < code < 128, f"it ended with {code}\n{app.log()}"
    assert not TRACES.search(app.log()), app.log()
    assert len(app.log().splitlines()) <= 8, app.log()
    # A helper may name the argument that a variable was for: trusted_proxies, trustedProxies.
    said = app.log().lower().replace("_", "")
    for word in words:
        assert word.lower().replace("_", "") in said, (word, app.log())


@pytest.mark.parametrize("mode", ["closed", "open"])
def test_a_server_without_the_module_stops_the_start(
    new_server: NewServer, new_app: StartApp, mode: str
) -> None:
    server = new_server(module=None)
    app = new_app(REDIS_URL=url(server), ON_ERROR=mode)
    refuses(app, "redis-rl", "libredis_rl.so", "loadmodule")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRUSTED_PROXIES", "10.0.0.0/33"), ("TRUSTED_PROXIES", "10.0.0.0/8,nonsense"),
        ("TRUSTED_PROXIES", "*"), ("ON_ERROR", "maybe"), ("ON_ERROR", "local"),
        ("PORT", "http"), ("PORT", "65536"), ("PORT", "80.5"),
        ("REDIS_URL", "nonsense"), ("REDIS_URL", "http://127.0.0.1:6379"),
        ("REDIS_URL", "redis://127.0.0.1:99999"),
    ],
)  # fmt: skip
def test_a_wrong_setting_stops_the_start(
    server: Server, new_app: StartApp, name: str, value: str
) -> None:
    settings = {"REDIS_URL": url(server), name: value}
    # Of a URL, which may hold a password, not more need be said than that it is the one.
    words = ["redis"] if name == "REDIS_URL" else [name, value.split(",")[-1]]
    refuses(new_app(**settings), *words)


@pytest.mark.parametrize("name", ["ON_ERROR", "TRUSTED_PROXIES", "RL_PREFIX"])
def test_an_empty_setting_is_none(server: Server, new_app: StartApp, name: str) -> None:
    with new_app(REDIS_URL=url(server), **{name: ""}) as app:
        assert app.post("/login", "X-Forwarded-For: 203.0.113.9").status == 200
        with server.client() as client:
            assert client.keys("*") == [b"rl:login:ip:127.0.0.1"]


def test_a_port_that_is_taken_stops_the_start(server: Server, new_app: StartApp) -> None:
    port = str(server.port)
    refuses(new_app(REDIS_URL=url(server), PORT=port), port, "in use")


def test_it_listens_on_the_loopback_address_only(app: App) -> None:
    sockets = [
        line.split()[1]
        for file in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in open(file).readlines()[1:]  # noqa: SIM115, PTH123 - a table of the kernel
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{app.port:04X}")
    ]
    assert sockets == [f"0100007F:{app.port:04X}"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_it_ends_soon_and_well_whoever_is_connected(
    server: Server, new_app: StartApp, how: signal.Signals
) -> None:
    with new_app(REDIS_URL=url(server)) as app, Connection(app.port) as idle:
        assert idle.ask("GET", "/items").status == 200
        with Connection(app.port) as unasked:
            assert unasked.socket.fileno() > 0
            began = time.monotonic()
            app.signal(how)
            assert app.ended() == 0, app.log()
            assert time.monotonic() - began < 20
            assert not TRACES.search(app.log()), app.log()


def test_it_ends_well_without_redis(new_app: StartApp) -> None:
    with new_app(REDIS_URL=f"redis://127.0.0.1:{free_port()}") as app:
        app.get("/items")


def test_who_is_being_served_at_the_end_is_served(
    server: Server, monitor: Monitor, new_app: StartApp
) -> None:
    with new_app(REDIS_URL=url(server)) as app:
        app.get("/slow")
        app.get("/slow")
        monitor.commands()
        with Connection(app.port) as held:
            held.socket.sendall(request("GET", "/slow"))
            eventually(monitor.commands)  # It is being held, for 400 ms.
            app.signal(signal.SIGTERM)
            assert held.read().json()["waited_ms"] >= 400
        assert app.ended() == 0
