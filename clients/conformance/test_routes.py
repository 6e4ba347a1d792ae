"""Every route of the table: what it answers, what it charges, what it asks of Redis."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest

from conformance.tools.apps import App
from conformance.tools.expected import Policy, allowed, denied, unlimited
from conformance.tools.keyspace import keys, used
from conformance.tools.monitor import Monitor
from conformance.tools.wire import Connection, request
from support.clock import Clock
from support.eventually import eventually
from support.server import Server

USER = "Authorization: Bearer user123_token"
PAID = "Authorization: Bearer paid_token"


@dataclass(frozen=True)
class Route:
    """A route with one limit: a request to it, its policy, and what comes of it."""

    method: str
    path: str
    policy: Policy
    wait: int
    clause: str
    key: str
    body: Any
    status: int = 200
    header: str = "X-Nothing: here"
    reset: int = 60

    def __str__(self) -> str:
        """Its name among the tests."""
        return f"{self.method} {self.path}"


FIVE = Policy("5-per-60s", 5, 60)
ITEMS = "rl:GET%20%2Fitems:ip:127.0.0.1"
LOGIN = "rl:login:ip:127.0.0.1"
ID = r"(%7Bid%7D|%3Aid)"

ROUTES = [
    Route(
        "GET", "/items", FIVE, 60, "FIXED 5 1m", ITEMS, [{"item": "Foo"}, {"item": "Bar"}]
    ),
    Route(
        "GET", "/items/42", FIVE, 60, "FIXED 5 1m",
        rf"rl:GET%20%2Fitems%2F{ID}:ip:127\.0\.0\.1", {"item": "42"},
    ),
    Route(
        "POST", "/create_item", Policy("1-per-1s", 1, 1), 1, "FIXED 1 1s",
        "rl:POST%20%2Fcreate_item:ip:127.0.0.1", {"message": "Item created"}, 201, reset=1,
    ),
    Route("POST", "/login", Policy("login", 5, 60), 60, "FIXED 5 1m", LOGIN, {"ok": True}),
    Route(
        "GET", "/export", Policy("10-per-60s", 10, 60), 60, "FIXED 10 1m",
        "rl:GET%20%2Fexport:ip:127.0.0.1", {"pages": 1},
    ),
]  # fmt: skip


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_limit_from_its_first_request_to_its_next_window(
    app: App, server: Server, clock: Clock, monitor: Monitor, route: Route
) -> None:
    for left in reversed(range(route.policy.q)):
        answer = app.ask(route.method, route.path)
        allowed(answer, (route.policy, left, route.reset), status=route.status)
        assert answer.json() == route.body
        assert (answer.header("Content-Type") or "").split(";")[0] == "application/json"
    commands = monitor.commands()
    assert [words[0] for words in commands] == ["RL.LIMIT"] * route.policy.q
    (key,) = {words[1] for words in commands}
    assert key == route.key or re.fullmatch(route.key, key), key
    assert {" ".join(words[2:]) for words in commands} == {route.clause}
    assert keys(server) == [key]

    clock.advance(1)
    refusal = app.ask(route.method, route.path)
    denied(refusal, route.policy, by={route.policy.name: route.wait})
    assert len(monitor.commands()) == 1
    clock.advance(route.wait * 1000 - 1)
    allowed(
        app.ask(route.method, route.path),
        (route.policy, route.policy.q - 1, route.reset),
        status=route.status,
    )


@pytest.mark.parametrize("after_ms", [1, 999, 1000, 1001, 30_500, 58_999, 59_000, 59_001, 59_999])
def test_retry_after_is_rounded_up_and_enough(app: App, clock: Clock, after_ms: int) -> None:
    for _ in range(5):
        app.post("/login")
    clock.advance(after_ms)
    refusal = app.post("/login")
    assert refusal.header("Retry-After") == str(-(-(60_000 - after_ms) // 1000))
    clock.advance(int(refusal.header("Retry-After") or 0) * 1000)
    assert app.post("/login").status == 200


def test_ids_share_the_budget_of_their_route_and_not_that_of_the_list(
    app: App, server: Server
) -> None:
    ids = ["1", "foo", "a%20b", "%C3%A9", "%7B%7D"]
    answers = [app.get(f"/items/{one}") for one in ids]
    assert [answer.json() for answer in answers] == [
        {"item": item} for item in ("1", "foo", "a b", "é", "{}")
    ]
    assert app.get("/items/another").status == 429
    assert app.get("/items").status == 200
    assert len(keys(server)) == 2


def test_user_data_knows_its_user_from_an_address(app: App, server: Server) -> None:
    policy = Policy("10-per-60s", 10, 60)
    for left in (9, 8):
        answer = app.get("/user_data", USER)
        allowed(answer, (policy, left, 60))
        assert answer.json()["requests_left"] == left
        assert isinstance(answer.json()["message"], str)
    anonymous = app.get("/user_data")
    assert anonymous.json()["requests_left"] == 9
    scope = "rl:GET%20%2Fuser_data"
    assert keys(server) == [f"{scope}:ip:127.0.0.1", f"{scope}:user:user123"]
    for _ in range(8):
        last = app.get("/user_data", USER)
    assert last.json()["requests_left"] == 0
    denied(app.get("/user_data", USER), policy, by={policy.name: 60})
    assert app.get("/user_data").json()["requests_left"] == 8


def test_quotes_has_a_limit_for_each_tier(app: App, server: Server, monitor: Monitor) -> None:
    anonymous = app.get("/quotes/ACME")
    body = anonymous.json()
    assert body["symbol"] == "ACME"
    assert isinstance(body["price"], int | float)
    assert body["requests_left"] == 99
    assert re.fullmatch(
        r'"[A-Za-z0-9._/-]+";q=100;w=60', anonymous.header("RateLimit-Policy") or ""
    )
    paid = app.get("/quotes/ACME", PAID)
    assert paid.json()["requests_left"] == 19
    assert re.fullmatch(
        r'"([A-Za-z0-9._/-]+)";q=1000;w=60, "(?!\1")[A-Za-z0-9._/-]+";q=20;w=1',
        paid.header("RateLimit-Policy") or "",
    )
    commands = monitor.commands()
    assert [" ".join(words[2:]) for words in commands] == [
        "FIXED 100 1m",
        "FIXED 1000 1m FIXED 20 1s",
    ]
    assert [words[1].split(":")[2:] for words in commands] == [
        ["ip", "127.0.0.1"],
        ["user", "paid"],
    ]
    assert sorted(words[1] for words in commands) == keys(server)
    # Symbols share the budget, and a user of no tier is anonymous.
    assert app.get("/quotes/OTHER").json() == {**body, "symbol": "OTHER", "requests_left": 98} | {
        "price": app_price(app, "OTHER", 97)
    }
    assert app.get("/quotes/ACME", USER).json()["requests_left"] == 96


def app_price(app: App, symbol: str, left: int) -> float:
    answer = app.get(f"/quotes/{symbol}").json()
    assert answer["requests_left"] == left
    price: float = answer["price"]
    return price


def test_the_second_of_a_paid_user_denies_alone(app: App, clock: Clock) -> None:
    for left in reversed(range(20)):
        assert app.get("/quotes/A", PAID).json()["requests_left"] == left
    refusal = app.get("/quotes/A", PAID)
    assert refusal.status == 429
    assert refusal.header("Retry-After") == "1"
    assert len(refusal.json()["violated-policies"]) == 1
    clock.advance(1000)
    answer = app.get("/quotes/A", PAID)
    # The refusal charged neither limit.
    assert ";r=979;" in (answer.header("RateLimit") or "")
    assert answer.json()["requests_left"] == 19


def test_report_is_all_or_nothing(app: App, server: Server, clock: Clock) -> None:
    minute, hour = Policy("report-minute", 2, 60), Policy("report-hour", 100, 3600)
    for left in (1, 0):
        answer = app.get("/report")
        allowed(answer, (minute, left, 60), (hour, 98 + left, 3600))
        assert answer.json() == {"ok": True}
    for _ in range(3):
        denied(app.get("/report"), minute, hour, by={"report-minute": 60})
    clock.advance(60_000)
    allowed(app.get("/report"), (minute, 1, 60), (hour, 97, 3540))
    assert keys(server) == ["rl:report:ip:127.0.0.1"]


def test_report_may_be_denied_by_both(app: App, clock: Clock) -> None:
    minute, hour = Policy("report-minute", 2, 60), Policy("report-hour", 100, 3600)
    for _ in range(49):
        assert [app.get("/report").status for _ in range(2)] == [200, 200]
        clock.advance(60_000)
    assert [app.get("/report").status for _ in range(2)] == [200, 200]
    denied(
        app.get("/report"), minute, hour, by={"report-minute": 60, "report-hour": 3600 - 49 * 60}
    )


def first_of_a_stream(app: App) -> bytes:
    """What a client reads first of `/stream`, which is what it should be in the end."""
    with Connection(app.port) as connection:
        connection.socket.sendall(request("GET", "/stream"))
        raw = first = b""
        while not raw.endswith(b"0\r\n\r\n"):
            raw += connection.socket.recv(65536)
            first = first or raw
    assert raw.split(b"\r\n\r\n", 1)[1] == b"2\r\na\n\r\n2\r\nb\n\r\n2\r\nc\n\r\n0\r\n\r\n"
    return first


def test_stream_streams(app: App, clock: Clock, monitor: Monitor) -> None:
    policy = Policy("token-10-per-1s", 20, 2)
    answer = app.get("/stream")
    allowed(answer, (policy, 19, 1))
    assert answer.body == b"a\nb\nc\n"
    assert [" ".join(words[2:]) for words in monitor.commands()] == ["TOKEN 20 10 1s"]
    # A test that is late may find all of it.
    eventually(lambda: b"c\n" not in first_of_a_stream(app))
    clock.advance(2000)
    statuses = [app.get("/stream").status for _ in range(21)]
    assert statuses == [200] * 20 + [429]
    denied(app.get("/stream"), policy, by={policy.name: 1})
    clock.advance(100)
    assert [app.get("/stream").status for _ in range(2)] == [200, 429]


def test_boom_keeps_its_headers(app: App) -> None:
    for left in reversed(range(5)):
        answer = app.get("/boom")
        allowed(answer, (FIVE, left, 60), status=500)
        assert b"Traceback" not in answer.body
        assert b" at " not in answer.body
    denied(app.get("/boom"), FIVE, by={FIVE.name: 60})


def test_health_asks_nobody(app: App, server: Server, monitor: Monitor) -> None:
    for _ in range(8):
        answer = app.get("/health")
        unlimited(answer)
        assert answer.json() == {"ok": True}
    assert monitor.commands() == []
    assert keys(server) == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"), ("GET", "/"), ("GET", "/login"), ("GET", "/create_item"),
        ("DELETE", "/items"), ("POST", "/items"), ("PUT", "/login"), ("POST", "/health"),
        ("BREW", "/items"), ("PROPFIND", "/items"), ("TRACE", "/items"), ("GET", "/items/1/2"),
    ],
)  # fmt: skip
def test_what_no_route_serves_costs_nothing(
    app: App, monitor: Monitor, method: str, path: str
) -> None:
    answer = app.ask(method, path)
    assert 400 <= answer.status < 500
    assert monitor.commands() == []
    assert not answer.lines("RateLimit")


@pytest.mark.parametrize("path", ["/items", "/items/1", "/login", "/export", "/slow", "/boom"])
def test_a_preflight_costs_nothing(app: App, monitor: Monitor, path: str) -> None:
    for _ in range(12):
        answer = app.ask(
            "OPTIONS", path, "Origin: https://example.org", "Access-Control-Request-Method: GET"
        )
        assert answer.status < 500
        assert answer.status != 429
        assert not answer.lines("RateLimit")
    assert monitor.commands() == []


def test_head_is_limited_like_get_where_it_is_served(app: App, server: Server) -> None:
    first = app.ask("HEAD", "/items")
    assert first.body == b""
    if first.status == 405:
        assert keys(server) == []
        return
    allowed(first, (FIVE, 4, 60))
    allowed(app.get("/items"), (FIVE, 3, 60))
    assert [app.ask("HEAD", "/items").status for _ in range(4)] == [200] * 3 + [429]
    denied(app.ask("HEAD", "/items"), FIVE, by={FIVE.name: 60}, head=True)
    denied(app.get("/items"), FIVE, by={FIVE.name: 60})
    assert keys(server) == [ITEMS]


def test_a_connection_is_kept_through_every_kind_of_answer(app: App) -> None:
    asked = ["/items"] * 6 + [
        "/nowhere",
        "/export?pages=x",
        "/export?pages=11",
        "/stream",
        "/health",
    ]
    with Connection(app.port) as connection:
        statuses = [connection.ask("GET", path).status for path in asked]
    assert statuses[:7] == [200] * 5 + [429, 404]
    assert statuses[7] in (400, 422)
    assert statuses[8:] == [429, 200, 200]


def test_used_counts_what_was_served(app: App, server: Server) -> None:
    for _ in range(7):
        app.post("/login")
    assert used(server, LOGIN) == 5
