"""The example app's routes whose limits are more than a count."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.server import Server
from web.apps.example import Example


@pytest.fixture
def app(url: str, tmp_path: Path) -> Iterator[httpx.Client]:
    """The example on the shared server, whose clock stands still."""
    with Example(tmp_path, REDIS_URL=url, RL_TIMEOUT_MS="5000") as client:
        yield client


def statuses(app: httpx.Client, count: int, path: str, method: str = "GET") -> list[int]:
    return [app.request(method, path).status_code for _ in range(count)]


def test_plan(app: httpx.Client, server: Server) -> None:
    assert app.get("/plan").status_code == 503
    with server.client() as client:
        client.execute_command("RL.POLICY", "SET", "plan", "FIXED", 2, "1m")
        try:
            assert app.get("/plan").json() == {"ok": True}
            assert statuses(app, 2, "/plan") == [200, 429]
            client.execute_command("RL.POLICY", "SET", "plan", "FIXED", 3, "1m")
            assert statuses(app, 2, "/plan") == [200, 429]
        finally:
            client.execute_command("RL.POLICY", "DEL", "plan")


def test_trial(app: httpx.Client, server: Server) -> None:
    assert app.get("/trial").json() == {"ok": True}
    assert statuses(app, 2, "/trial") == [200, 200]
    answer = app.get("/trial")
    assert answer.headers["ratelimit"] == '"trial";r=96;t=60'
    assert answer.headers["ratelimit-policy"] == '"trial";q=100;w=60'
    with server.client() as client:
        assert client.execute_command("RL.TOP", "SHADOW") == [[b"rl:trial:ip:127.0.0.1", 2]]


def test_guarded(app: httpx.Client, server: Server) -> None:
    assert app.get("/guarded").json() == {"ok": True}
    assert statuses(app, 4, "/guarded") == [200, 200, 429, 429]
    banned = app.get("/guarded")
    assert banned.status_code == 429
    assert banned.headers["ratelimit"] == '"guarded";r=0;t=60, "guarded-ban";r=0;t=60'
    server.clock.advance(60_000)
    assert statuses(app, 1, "/guarded") == [200]
