"""The example app's routes whose limits are more than a count."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.eventually import eventually
from support.pool import NewServer
from support.server import Server
from web.apps.example import PATIENT, Example
from web.apps.served import hanging


@pytest.fixture
def app(url: str, tmp_path: Path) -> Iterator[httpx.Client]:
    """The example on the shared server, whose clock stands still."""
    example = Example(tmp_path, REDIS_URL=url, **PATIENT)
    with example as client:
        example.connected()
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


def test_signin_counts_failures_only(app: httpx.Client) -> None:
    for _ in range(4):
        right = app.post("/signin?password=right")
        assert (right.status_code, right.json()) == (200, {"ok": True})
        assert right.headers["ratelimit"].startswith('"signin";r=3;')
    for left in (2, 1, 0):
        wrong = app.post("/signin?password=wrong")
        assert wrong.status_code == 401
        assert wrong.headers["ratelimit"] == f'"signin";r={left};t=900'
    refused = app.post("/signin?password=right")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "900")


def test_generate_settles(app: httpx.Client, server: Server) -> None:
    def left() -> int:
        with server.client() as client:
            key = "rl:tokens:ip:127.0.0.1"
            return int(client.execute_command("RL.FIXED", key, 1000, "1m", "COST", 0)[2])

    less = app.post("/generate?estimate=600&actual=250")
    assert less.json() == {"charged": 250, "requests_left": 750}
    assert less.headers["ratelimit"] == '"tokens";r=750;t=60'
    assert left() == 750
    more = app.post("/generate?estimate=100&actual=700")
    assert more.json() == {"charged": 700, "requests_left": 50}
    assert left() == 50
    assert app.post("/generate?estimate=51&actual=1").status_code == 429
    for wrong in ("estimate=0&actual=1", "estimate=1&actual=0", "estimate=1", "actual=1", ""):
        assert app.post(f"/generate?{wrong}").status_code in (400, 422)
    assert left() == 50


def test_team_charges_both_or_neither(app: httpx.Client, server: Server) -> None:
    user = {"Authorization": "Bearer user123_token"}
    first = app.get("/team/red", headers=user)
    assert first.json() == {"team": "red"}
    assert first.headers["ratelimit"] == '"user";r=9;t=60, "team";r=14;t=60'
    assert [app.get("/team/red", headers=user).status_code for _ in range(10)] == [200] * 9 + [429]
    assert statuses(app, 6, "/team/red") == [200] * 5 + [429]
    assert app.get("/team/blue").headers["ratelimit"] == '"user";r=4;t=60, "team";r=14;t=60'
    with server.client(decode_responses=True) as client:
        assert sorted(client.keys("*")) == [
            "rl:team:team:blue",
            "rl:team:team:red",
            "rl:user:ip:127.0.0.1",
            "rl:user:user:user123",
        ]


def test_busy_serves_two_at_once(app: httpx.Client, server: Server) -> None:
    def held() -> int:
        with server.client() as client:
            key = "rl:busy:ip:127.0.0.1"
            free = client.execute_command("RL.LEASE", key, 9, "1m", "looks", "COST", 0)[2]
        return 9 - int(free)

    first = app.get("/busy")
    assert first.json() == {"ok": True}
    assert first.headers["ratelimit-policy"] == '"busy";q=2;qu="concurrent-requests"'
    assert eventually(lambda: held() == 0)
    address = app.base_url.netloc.decode()
    with hanging(address, "/busy?ms=60000"), hanging(address, "/busy?ms=60000"):
        assert eventually(lambda: held() == 2)
        third = app.get("/busy")
        assert third.status_code == 429
        assert third.headers["retry-after"] == "5"
    assert eventually(lambda: held() == 0)
    assert app.get("/busy?ms=1").status_code == 200
    assert eventually(lambda: held() == 0)
    assert app.get("/busy?fail=1").status_code == 500
    assert eventually(lambda: held() == 0)


def test_patient_waits_for_its_turn(new_server: NewServer, tmp_path: Path) -> None:
    server = new_server()
    url = f"redis://127.0.0.1:{server.port}"
    example = Example(tmp_path, REDIS_URL=url, **PATIENT)

    def asked() -> int:
        with server.client() as client:
            return int(client.info("commandstats")["cmdstat_rl.limit"]["calls"])

    with example as app:
        example.connected()
        assert app.get("/patient").json() == {"ok": True}

        def waits_for(status: int) -> bool:
            before = asked()
            return app.get("/patient").status_code == status and asked() >= before + 2

        eventually(lambda: waits_for(429), 60)  # while the server's clock stands still
        server.clock.offset_ms(0)
        eventually(lambda: waits_for(200), 60)
