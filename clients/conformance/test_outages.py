"""What clients see while Redis is gone, hangs, is slow or is wrong, and when it is back."""

from __future__ import annotations

import os
import signal
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from conformance.conftest import StartApp, url
from conformance.tools.apps import App
from conformance.tools.expected import unavailable, unlimited
from conformance.tools.keyspace import keys
from conformance.tools.monitor import Monitor
from conformance.tools.wire import Answer
from store.proxy import FaultProxy
from support.eventually import eventually
from support.paths import MODULE
from support.pool import NewServer
from support.ports import free_port
from support.server import Server

MODES = ["closed", "open"]
TIMEOUT_MS = "500"
THREE_TIMEOUTS_S = 1.5
LOGIN = "rl:login:ip:127.0.0.1"
# On an idle machine it is five seconds at most.
RECOVERY_S = 20.0


@pytest.fixture
def hasty_app(new_app: StartApp) -> StartApp:
    """Make apps that wait for Redis no longer than TIMEOUT_MS, so that an outage is soon over."""

    def make(**settings: str) -> App:
        return new_app(RL_TIMEOUT_MS=TIMEOUT_MS, **settings)

    return make


def by_mode(answer: Answer, mode: str, status: int = 200) -> None:
    """What an app answers without Redis."""
    if mode == "open":
        unlimited(answer, status)
    else:
        unavailable(answer)


def outage(app: App, mode: str) -> None:
    """Every route answers by the mode, soon; what needs no Redis goes on."""
    answers = [app.post("/login") for _ in range(7)]
    for answer in answers:
        by_mode(answer, mode)
    assert statistics.median(answer.took for answer in answers) < THREE_TIMEOUTS_S
    for path in ("/items", "/items/1", "/report", "/export?pages=3"):
        by_mode(app.get(path), mode)
    by_mode(app.post("/create_item"), mode, 201)
    by_mode(app.get("/boom"), mode, 500)
    for path in ("/user_data", "/quotes/A", "/slow", "/stream"):
        answer = app.get(path)
        by_mode(answer, mode)
    unlimited(app.get("/health"))
    assert app.get("/export?pages=0").status in (400, 422)
    assert app.get("/nowhere").status == 404


def works(app: App) -> None:
    """A check is answered, if not the first."""
    eventually(lambda: app.get("/quotes/A").lines("RateLimit"), RECOVERY_S)


def recovers(app: App) -> None:
    """Limits hold again."""
    works(app)
    eventually(lambda: app.post("/login").status == 429, RECOVERY_S)


@pytest.mark.parametrize("mode", MODES)
def test_redis_is_killed_and_comes_back(
    new_server: NewServer, hasty_app: StartApp, mode: str
) -> None:
    server = new_server()
    with hasty_app(REDIS_URL=url(server), ON_ERROR=mode) as app:
        works(app)
        server.kill9()
        outage(app, mode)
        server.start()
        recovers(app)


@pytest.mark.parametrize("mode", MODES)
def test_redis_hangs_and_goes_on(new_server: NewServer, hasty_app: StartApp, mode: str) -> None:
    server = new_server()
    with hasty_app(REDIS_URL=url(server), ON_ERROR=mode) as app:
        works(app)
        os.kill(server.pid, signal.SIGSTOP)
        try:
            with ThreadPoolExecutor(10) as threads:
                crowd = list(threads.map(app.get, ["/items"] * 10))
            for answer in crowd:
                by_mode(answer, mode)
            assert statistics.median(answer.took for answer in crowd) < THREE_TIMEOUTS_S
            outage(app, mode)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        recovers(app)


@pytest.mark.parametrize("mode", MODES)
def test_redis_comes_later_than_the_app(
    new_server: NewServer, hasty_app: StartApp, mode: str
) -> None:
    server = new_server()
    server.stop()
    with hasty_app(REDIS_URL=url(server), ON_ERROR=mode) as app:
        outage(app, mode)
        server.start()
        recovers(app)


def test_a_slow_reply_is_an_outage_and_its_charge_is_sent_once(
    server: Server, monitor: Monitor, fault_proxy: FaultProxy, hasty_app: StartApp
) -> None:
    with hasty_app(REDIS_URL=fault_proxy.url) as app:
        works(app)
        fault_proxy.delay = 4.0
        for _ in range(3):
            answer = app.post("/login")
            unavailable(answer)
            assert answer.took < fault_proxy.delay
        fault_proxy.delay = 0.0

        def answered() -> bool:
            return app.get("/quotes/A").status == 200

        eventually(answered, RECOVERY_S)
        with server.client() as client:
            ((_, limit, _, _, remaining, _, _),) = client.execute_command("RL.PEEK", LOGIN)
        charged = [words for words in monitor.commands() if words[:2] == ["RL.LIMIT", LOGIN]]
        assert limit - remaining == len(charged) <= 3


def test_a_charge_whose_connection_breaks_is_not_sent_again(
    server: Server, monitor: Monitor, fault_proxy: FaultProxy, new_app: StartApp
) -> None:
    assert server.running
    with new_app(REDIS_URL=fault_proxy.url, RL_TIMEOUT_MS="20000") as app:
        assert app.get("/items").status == 200
        monitor.commands()
        fault_proxy.delay = 15.0
        with ThreadPoolExecutor(1) as threads:
            asked = threads.submit(app.post, "/login")
            eventually(monitor.commands)
            fault_proxy.delay = 0.0
            fault_proxy.kill()
            unavailable(asked.result())
        recovered = eventually(lambda: app.get("/items").lines("RateLimit"), RECOVERY_S)
        assert recovered
        assert LOGIN not in [words[1] for words in monitor.commands()]


def test_a_reply_that_is_late_but_in_time_is_a_verdict(
    fault_proxy: FaultProxy, server: Server, new_app: StartApp
) -> None:
    assert server.running
    with new_app(REDIS_URL=fault_proxy.url) as app:
        app.get("/items/1")
        fault_proxy.delay = 0.2
        assert [app.post("/login").status for _ in range(6)] == [200] * 5 + [429]


@pytest.mark.parametrize("mode", MODES)
def test_broken_connections_are_made_anew(
    fault_proxy: FaultProxy, server: Server, hasty_app: StartApp, mode: str
) -> None:
    assert server.running
    with hasty_app(REDIS_URL=fault_proxy.url, ON_ERROR=mode) as app:
        works(app)
        fault_proxy.kill()
        recovers(app)


def logged(app: App, before: str) -> list[str]:
    """The lines since then that are about the limiter, and no access log."""
    lines = app.log()[len(before) :].splitlines()
    return [line for line in lines if line.strip() and "HTTP/1.1" not in line]


@pytest.mark.parametrize("mode", MODES)
def test_a_server_without_the_module_is_an_error_in_every_mode(
    new_server: NewServer, hasty_app: StartApp, mode: str
) -> None:
    server = new_server()
    with hasty_app(REDIS_URL=url(server), ON_ERROR=mode) as app:
        works(app)
        server.stop()
        server.module = None
        server.start()

        def refused() -> bool:
            return app.get("/items").status == 503

        eventually(refused, RECOVERY_S)
        # Lines are a second apart at least, and the first may tell of the lost connection.
        eventually(lambda: refused() and "libredis_rl" in app.log(), RECOVERY_S)
        before, began = app.log(), time.monotonic()
        for _ in range(10):
            for target in ("/items", "/report", "/quotes/A"):
                unavailable(app.get(target))
        unlimited(app.get("/health"))
        assert len(logged(app, before)) <= 1 + time.monotonic() - began, app.log()

        with server.client() as client:
            client.execute_command("MODULE", "LOAD", str(MODULE))
        recovers(app)


def test_a_breaker_that_is_open_does_not_hide_a_missing_module(
    new_server: NewServer, hasty_app: StartApp
) -> None:
    server = new_server()
    with hasty_app(REDIS_URL=url(server), ON_ERROR="open") as app:
        server.stop()
        for _ in range(8):
            unlimited(app.get("/items"))
        server.module = None
        server.start()

        def refused() -> bool:
            return app.get("/items").status == 503

        eventually(refused, RECOVERY_S)
        # It stays so: nobody is served between two looks for the module.
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            unavailable(app.get("/items"))
            time.sleep(0.02)


def test_a_slow_moment_serves_nobody_who_was_refused_for_want_of_the_module(
    new_server: NewServer, hasty_app: StartApp
) -> None:
    server = new_server()
    with FaultProxy(server.port) as proxy, hasty_app(REDIS_URL=proxy.url, ON_ERROR="open") as app:
        works(app)
        server.stop()
        server.module = None
        server.start()
        eventually(lambda: app.get("/items").status == 503, RECOVERY_S)
        eventually(lambda: "libredis_rl" in app.log() and app.get("/items").status == 503)
        proxy.delay = 1.0
        for _ in range(12):
            unavailable(app.get("/items"))
        server.stop()
        for _ in range(12):
            unavailable(app.get("/items"))
        proxy.delay = 0.0
        server.module = MODULE
        server.start()
        recovers(app)


@pytest.mark.parametrize("mode", MODES)
def test_full_memory_fails_who_needs_more_of_it_and_nobody_else(
    new_server: NewServer, new_app: StartApp, mode: str
) -> None:
    server = new_server()
    with server.client() as client, new_app(REDIS_URL=url(server), ON_ERROR=mode) as app:
        known = app.get("/quotes/A").json()["requests_left"]
        client.config_set("maxmemory", "1")
        for asked in range(1, 13):
            by_mode(app.get("/items"), mode)
            assert app.get("/quotes/A").json()["requests_left"] == known - asked
        client.config_set("maxmemory", "0")
        assert app.get("/items").lines("RateLimit")


@pytest.mark.parametrize("mode", MODES)
def test_what_an_operator_did_wrong_is_an_error_until_it_is_put_right(
    new_server: NewServer, new_app: StartApp, mode: str
) -> None:
    server = new_server()
    client = server.client()
    with client, new_app(REDIS_URL=url(server), ON_ERROR=mode) as app:
        client.set(LOGIN, "not a limiter")
        for _ in range(7):
            unavailable(app.post("/login"))
        client.delete(LOGIN)
        recovers(app)

        client.execute_command("ACL", "SETUSER", "default", "-rl.limit")
        for _ in range(7):
            unavailable(app.get("/items"))
        client.execute_command("ACL", "SETUSER", "default", "+rl.limit")
        client.flushall()
        recovers(app)


def test_a_wrong_key_spoils_no_other(new_server: NewServer, new_app: StartApp) -> None:
    server = new_server()
    with server.client() as client, new_app(REDIS_URL=url(server)) as app:
        client.set("rl:GET%20%2Fuser_data:user:user123", "not a limiter")
        for _ in range(6):
            unavailable(app.get("/user_data", "Authorization: Bearer user123_token"))
            assert app.get("/quotes/A").status == 200


def test_a_prefix_is_encoded_and_kept(server: Server, new_app: StartApp) -> None:
    with new_app(REDIS_URL=url(server), RL_PREFIX="{a}:b") as app:
        assert app.post("/login").status == 200
        assert keys(server) == ["%7Ba%7D%3Ab:login:ip:127.0.0.1"]


def test_a_database_and_a_password_are_taken_from_the_url(
    new_server: NewServer, new_app: StartApp
) -> None:
    server = new_server()
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "app", "on", ">p@ss/word", "~*", "+@all")
    where = f"redis://app:p%40ss%2Fword@127.0.0.1:{server.port}/3"
    with new_app(REDIS_URL=where) as app, server.client(db=3) as client:
        assert app.post("/login").status == 200
        assert client.keys("*") == [LOGIN.encode()]


def test_no_line_of_the_log_has_a_password_in_it(
    new_server: NewServer, hasty_app: StartApp
) -> None:
    server = new_server()
    secret = "hunter2secret"
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "app", "on", f">{secret}", "~*", "+@all")
    with hasty_app(REDIS_URL=f"redis://app:{secret}@127.0.0.1:{server.port}") as app:
        eventually(lambda: app.get("/items").status == 200, RECOVERY_S)
        with server.client() as client:
            client.execute_command("ACL", "SETUSER", "app", "resetpass", ">another")
            client.execute_command("CLIENT", "KILL", "USER", "app")
        eventually(lambda: app.get("/items").status == 503, RECOVERY_S)
        server.stop()
        for _ in range(8):
            unavailable(app.get("/items"))
        assert secret not in app.log(), app.log()


def test_nobody_listens_where_redis_should_be(new_app: StartApp) -> None:
    with new_app(REDIS_URL=f"redis://127.0.0.1:{free_port()}") as app:
        unavailable(app.get("/items"))
