"""A cost that the client names."""

from __future__ import annotations

import pytest

from conformance.tools.apps import App
from conformance.tools.expected import Policy, allowed, denied
from conformance.tools.keyspace import keys, used
from conformance.tools.monitor import Monitor
from support.server import Server

POLICY = Policy("10-per-60s", 10, 60)
KEY = "rl:GET%20%2Fexport:ip:127.0.0.1"


def test_pages_are_what_it_costs(app: App, server: Server, monitor: Monitor) -> None:
    answer = app.get("/export?pages=4")
    allowed(answer, (POLICY, 6, 60))
    assert answer.json() == {"pages": 4}
    assert monitor.commands() == [["RL.LIMIT", KEY, "FIXED", "10", "1m", "COST", "4"]]
    denied(app.get("/export?pages=7"), POLICY, by={POLICY.name: 60}, left={POLICY.name: 6})
    assert used(server, KEY) == 4
    allowed(app.get("/export?pages=6"), (POLICY, 0, 60))
    denied(app.get("/export"), POLICY, by={POLICY.name: 60})


@pytest.mark.parametrize("pages", [11, 10**6, 10**12])
def test_a_cost_above_the_limit_is_refused_for_good(app: App, server: Server, pages: int) -> None:
    answer = app.get(f"/export?pages={pages}")
    denied(answer, POLICY, by={POLICY.name: None}, left={POLICY.name: 10})
    assert keys(server) == []


@pytest.mark.parametrize(
    "pages", [10**12 + 1, 2**53 - 1, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 2**64 + 1, 10**30, 10**400]
)
def test_a_cost_that_no_limit_can_hold_is_a_refusal(
    app: App, server: Server, monitor: Monitor, pages: int
) -> None:
    answer = app.get(f"/export?pages={pages}")
    if answer.status == 429:
        denied(answer, POLICY, by={POLICY.name: None}, left={POLICY.name: 10})
    else:
        assert answer.status in (400, 422), (answer.status, answer.body)
        assert monitor.commands() == []
    assert keys(server) == []


@pytest.mark.parametrize(
    "query",
    [
        "pages=0", "pages=-1", "pages=-0", "pages=00", "pages=1.5", "pages=1.0", "pages=2.",
        "pages=.5",
        "pages=text", "pages=", "pages", "pages=1e3", "pages=0x10", "pages=0b1", "pages=1_000",
        "pages=1,2",
        "pages=NaN", "pages=Infinity", "pages=null", "pages=true", "pages=[1]", "pages=%D9%A5",
        "pages=%EF%BC%95", "pages=%C2%B2", "pages=1%00", "pages=%FF", "pages=5n", "pages=%2B5",
        "pages=+5", "pages=5+", "pages=%205", "pages=5%20", "pages=%0A5", "pages=05", "pages=1;2",
        "pages=1%26pages=2", "pages=1&pages=2", "pages=2&pages=x", "pages=x&pages=2",
        "pages=&pages=2",
    ],
)  # fmt: skip
def test_what_is_no_count_of_pages_is_refused_and_costs_nothing(
    app: App, server: Server, monitor: Monitor, query: str
) -> None:
    answer = app.get(f"/export?{query}")
    assert answer.status in (400, 422), (answer.status, answer.body)
    assert monitor.commands() == []
    assert keys(server) == []
    assert not answer.lines("RateLimit")


@pytest.mark.parametrize("query", ["", "?", "?x=2", "?Pages=2", "?page=2", "?pages=1&x=pages"])
def test_one_page_unless_more_are_asked_for(app: App, server: Server, query: str) -> None:
    assert app.get(f"/export{query}").json() == {"pages": 1}
    assert used(server, KEY) == 1


@pytest.mark.parametrize(
    "query", ["pages=3", "pages=%33", "%70ages=3", "x=1&pages=3", "pages=3&", "&pages=3"]
)
def test_a_count_of_pages_however_it_is_spelled(app: App, server: Server, query: str) -> None:
    assert app.get(f"/export?{query}").json() == {"pages": 3}
    assert used(server, KEY) == 3


def test_bad_requests_do_not_use_up_the_limit(app: App) -> None:
    for _ in range(12):
        app.get("/export?pages=0")
    assert app.get("/export?pages=10").status == 200


def test_a_bad_request_is_told_so_even_when_the_limit_is_used_up(app: App) -> None:
    app.get("/export?pages=10")
    assert app.get("/export?pages=0").status in (400, 422)
