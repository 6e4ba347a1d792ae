"""The example app, as a user starts it, route by route."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from store.outages import AT_ONCE_S
from support.eventually import eventually
from support.pool import NewServer
from support.ports import free_port
from support.server import Server
from web.apps.example import PATIENT, Example

USER = {"Authorization": "Bearer user123_token"}
PAID = {"Authorization": "Bearer paid_token"}


@pytest.fixture
def app(url: str, tmp_path: Path) -> Iterator[httpx.Client]:
    """The example on the shared server, whose clock stands still."""
    example = Example(tmp_path, REDIS_URL=url, **PATIENT)
    with example as client:
        example.connected()
        yield client


def statuses(app: httpx.Client, count: int, path: str, **options: Any) -> list[int]:
    method = options.pop("method", "GET")
    return [app.request(method, path, **options).status_code for _ in range(count)]


def keys(server: Server) -> list[str]:
    with server.client(decode_responses=True) as client:
        return sorted(client.keys("*"))


def refused(response: httpx.Response, policy: str, after: int) -> None:
    """Check a refusal, whole."""
    assert response.status_code == 429
    assert response.headers["retry-after"] == str(after)
    assert response.headers["ratelimit"] == f'"{policy}";r=0;t={after}'
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["detail"] == f"Rate limit exceeded, retry in {after} s"
    assert body["violated-policies"] == [policy]


def test_every_route(app: httpx.Client, server: Server) -> None:
    assert statuses(app, 4, "/items") == [200] * 4
    last = app.get("/items")
    assert last.json() == [{"item": "Foo"}, {"item": "Bar"}]
    assert last.headers["ratelimit-policy"] == '"5-per-60s";q=5;w=60'
    assert last.headers["ratelimit"] == '"5-per-60s";r=0;t=60'
    refused(app.get("/items"), "5-per-60s", 60)

    assert app.get("/items/3").json() == {"item": "3"}
    assert statuses(app, 5, "/items/4") == [200] * 4 + [429]

    created = app.post("/create_item")
    assert created.status_code == 201
    assert created.json() == {"message": "Item created"}
    refused(app.post("/create_item"), "1-per-1s", 1)

    for left in (9, 8):
        answer = app.get("/user_data", headers=USER).json()
        assert answer["requests_left"] == left
        assert isinstance(answer["message"], str)
    assert app.get("/user_data", headers={"Authorization": "Bearer x"}).json()["requests_left"] == 9
    assert app.get("/user_data").json()["requests_left"] == 8

    quote = app.get("/quotes/ABC", headers=PAID)
    assert quote.json()["symbol"] == "ABC"
    assert isinstance(quote.json()["price"], float)
    assert quote.json()["requests_left"] == 19
    assert '"1000-per-60s";r=999' in quote.headers["ratelimit"]
    assert app.get("/quotes/ABC").json()["requests_left"] == 99

    assert app.post("/login").json() == {"ok": True}
    assert statuses(app, 4, "/login", method="POST") == [200] * 4
    refused(app.post("/login"), "login", 60)

    report = app.get("/report")
    assert report.json() == {"ok": True}
    assert report.headers["ratelimit"] == '"report-minute";r=1;t=60, "report-hour";r=99;t=3600'
    assert statuses(app, 1, "/report") == [200]
    refused(app.get("/report"), "report-minute", 60)

    health = app.get("/health")
    assert health.json() == {"ok": True}
    assert not [name for name in health.headers if "rate" in name]

    assert keys(server) == [
        "rl:GET%20%2Fitems%2F%7Bid%7D:ip:127.0.0.1",
        "rl:GET%20%2Fitems:ip:127.0.0.1",
        "rl:GET%20%2Fquotes%2F%7Bsymbol%7D:ip:127.0.0.1",
        "rl:GET%20%2Fquotes%2F%7Bsymbol%7D:user:paid",
        "rl:GET%20%2Fuser_data:ip:127.0.0.1",
        "rl:GET%20%2Fuser_data:user:user123",
        "rl:POST%20%2Fcreate_item:ip:127.0.0.1",
        "rl:login:ip:127.0.0.1",
        "rl:report:ip:127.0.0.1",
    ]
    server.clock.advance(60_000)
    assert statuses(app, 6, "/items") == [200] * 5 + [429]


def test_export_costs_its_pages(app: httpx.Client, server: Server) -> None:
    for wrong in ("0", "-1", "1.5", "many", "", "1e1", "9" * 5000):
        assert app.get("/export", params={"pages": wrong}).status_code in (400, 422)
    assert keys(server) == []
    assert app.get("/export").json() == {"pages": 1}
    four = app.get("/export?pages=4")
    assert four.json() == {"pages": 4}
    assert four.headers["ratelimit"] == '"10-per-60s";r=5;t=60'
    assert app.get("/export?pages=6").headers["retry-after"] == "60"
    for above in (11, 10**13):
        never = app.get(f"/export?pages={above}")
        assert never.status_code == 429
        assert "retry-after" not in never.headers
        assert "cost" in never.json()["detail"]
    assert app.get("/export?pages=5").status_code == 200


def test_stream_slow_and_boom(app: httpx.Client) -> None:
    with app.stream("GET", "/stream") as response:
        assert response.headers["ratelimit-policy"] == '"token-10-per-1s";q=20;w=2'
        assert response.headers["ratelimit"] == '"token-10-per-1s";r=19;t=1'
        assert "content-length" not in response.headers
        assert [part for part in response.iter_raw() if part] == [b"a\n", b"b\n", b"c\n"]

    began = time.monotonic()
    assert [app.get("/slow").json()["waited_ms"] for _ in range(3)] == [0, 200, 400]
    assert time.monotonic() - began >= 0.6

    boom = app.get("/boom", headers={"Connection": "close"})
    assert boom.status_code == 500
    assert boom.headers["ratelimit"] == '"5-per-60s";r=4;t=60'
    # uvicorn closes the connection of an error that was not handled.
    close = {"Connection": "close"}
    assert statuses(app, 5, "/boom", headers=close) == [500] * 4 + [429]


@pytest.mark.parametrize("mode", ["closed", "open"])
def test_a_unix_socket(server: Server, url: str, tmp_path: Path, mode: str) -> None:
    socket = tmp_path / "app.sock"
    settings = {"SOCKET": str(socket), "TRUSTED_PROXIES": "unix", "ON_ERROR": mode}
    example = Example(tmp_path, REDIS_URL=url, **settings, **PATIENT)
    with example as app:
        example.connected()
        assert app.get("/items", headers={"X-Forwarded-For": "192.0.2.7"}).status_code == 200
        nobody = app.get("/items")
        assert nobody.status_code == 400
        assert nobody.headers["cache-control"] == "no-store"
        assert nobody.json()["detail"] == "The client cannot be identified"
    assert keys(server) == ["rl:GET%20%2Fitems:ip:192.0.2.7"]


def test_other_spellings_and_methods(app: httpx.Client, server: Server) -> None:
    assert app.get("/items/", follow_redirects=True).status_code == 200
    assert app.get("/items?a=1").headers["ratelimit"] == '"5-per-60s";r=3;t=60'
    assert app.get("/%69tems").headers["ratelimit"] == '"5-per-60s";r=2;t=60'
    before = keys(server)
    for method, path in [
        *(("OPTIONS", "/items"), ("OPTIONS", "/login"), ("OPTIONS", "/items/1")),
        *(("HEAD", "/items"), ("BREW", "/login"), ("GET", "/nowhere")),
    ]:
        assert "ratelimit" not in app.request(method, path).headers
    assert keys(server) == before


def test_a_crowd_gets_its_limit_and_no_more(app: httpx.Client) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: app.get(f"/items/{n}").status_code, range(60)))
    assert sorted(answers) == [200] * 5 + [429] * 55


def test_forwarded_for_is_not_believed(app: httpx.Client, server: Server) -> None:
    for n in range(6):
        status = app.get("/items", headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code
        assert status == (200 if n < 5 else 429)
    assert keys(server) == ["rl:GET%20%2Fitems:ip:127.0.0.1"]


def test_trusted_proxies_are_believed(server: Server, url: str, tmp_path: Path) -> None:
    trusted = "127.0.0.1/32, 10.0.0.0/8"
    example = Example(tmp_path, REDIS_URL=url, TRUSTED_PROXIES=trusted, RL_PREFIX="shop", **PATIENT)
    with example as app:
        example.connected()
        for lines in (
            ["192.0.2.7"],
            ["203.0.113.9, 192.0.2.7, 10.1.1.1"],
            ["203.0.113.9", "192.0.2.7", "10.1.1.1"],
            ["garbage, 192.0.2.7"],
        ):
            headers = [("X-Forwarded-For", line) for line in lines]
            assert app.get("/items", headers=headers).status_code == 200
        assert app.get("/items", headers={"X-Forwarded-For": "192.0.2.7, ?!"}).status_code == 200
    assert keys(server) == [
        "shop:GET%20%2Fitems:ip:127.0.0.1",
        "shop:GET%20%2Fitems:ip:192.0.2.7",
    ]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("TRUSTED_PROXIES", "10.0.0.0/33", "'10.0.0.0/33'"),
        ("TRUSTED_PROXIES", "127.0.0.1,proxy.example", "'proxy.example'"),
        ("ON_ERROR", "local", "'closed' or 'open'"),
        ("REDIS_URL", "http://127.0.0.1", "redis://"),
    ],
)
def test_a_wrong_setting_stops_the_start(tmp_path: Path, name: str, value: str, told: str) -> None:
    example = Example(tmp_path, **{name: value})
    example.start()
    assert example.ended() != 0
    assert told in example.log()


def test_a_missing_module_stops_the_start(tmp_path: Path, new_server: NewServer) -> None:
    server = new_server(module=None)
    example = Example(tmp_path, REDIS_URL=f"redis://127.0.0.1:{server.port}")
    example.start()
    assert example.ended() != 0
    assert "module" in example.log()
    assert "loadmodule" in example.log()
    assert "Traceback" not in example.log()


def outage(app: httpx.Client, mode: str) -> None:
    """Check what clients see while Redis is gone: an answer, within the app's 100 ms or so."""
    for _ in range(8):  # more than open the breaker
        began = time.monotonic()
        response = app.get("/items")
        took = time.monotonic() - began
        assert took < AT_ONCE_S, f"it took {took:.3f} s"
        if mode == "open":
            assert response.json() == [{"item": "Foo"}, {"item": "Bar"}]
            assert "ratelimit" not in response.headers
        else:
            assert response.status_code == 503
            assert response.headers["retry-after"] == "1"
            assert response.headers["content-type"] == "application/problem+json"
            assert response.json() == {
                "type": "about:blank",
                "title": "Service Unavailable",
                "status": 503,
                "detail": "Rate limiter unavailable",
            }
    left = app.get("/user_data")
    assert left.status_code == (200 if mode == "open" else 503)
    if mode == "open":
        assert left.json()["requests_left"] is None
    assert app.get("/health").status_code == 200


@pytest.mark.parametrize("mode", ["closed", "open"])
def test_it_starts_without_redis_and_goes_on_with_it(
    tmp_path: Path, new_server: NewServer, mode: str
) -> None:
    server = new_server()
    server.stop()
    url = f"redis://127.0.0.1:{server.port}"
    with Example(tmp_path, REDIS_URL=url, ON_ERROR=mode) as app:
        outage(app, mode)
        server.start()
        eventually(lambda: "ratelimit" in app.get("/quotes/a").headers, 60)
        server.kill9()
        outage(app, mode)


@pytest.mark.parametrize("mode", ["closed", "open"])
def test_a_module_that_is_missing_at_run_time(
    tmp_path: Path, new_server: NewServer, mode: str
) -> None:
    server = new_server()
    module = server.module
    url = f"redis://127.0.0.1:{server.port}"
    example = Example(tmp_path, REDIS_URL=url, ON_ERROR=mode, **PATIENT)
    with example as app:
        example.connected()
        assert app.get("/quotes/a").status_code == 200
        server.module = None
        server.restart()
        for _ in range(8):
            assert app.get("/quotes/a").status_code == 503
        assert "RL.LIMIT" in example.log()
        server.module = module
        server.restart()
        eventually(lambda: "ratelimit" in app.get("/quotes/a").headers, 60)


def test_an_unused_port_is_no_redis(tmp_path: Path) -> None:
    with Example(tmp_path, REDIS_URL=f"redis://127.0.0.1:{free_port()}") as app:
        assert app.get("/health").json() == {"ok": True}
