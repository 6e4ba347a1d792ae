"""Routes that do more than count: charges settled, shared, held, on trial, banned, waited for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from conformance.tools.apps import App
from conformance.tools.expected import Policy, allowed, denied, members, unavailable
from conformance.tools.keyspace import keys, used
from conformance.tools.monitor import Monitor
from conformance.tools.wire import Answer, Connection, request
from support.clock import Clock
from support.eventually import eventually
from support.server import Server

USER = "Authorization: Bearer user123_token"
IP = "ip:127.0.0.1"
SIGNIN = Policy("signin", 3, 900)
TOKENS = Policy("tokens", 1000, 60)
GUARDED = Policy("guarded", 3, 60)
BAN = Policy("guarded-ban", 2, 60)
RECOVERY_S = 20.0


def asked(monitor: Monitor) -> list[list[str]]:
    """What the app sent; tests look with RL.PEEK."""
    return [words for words in monitor.commands() if words[0] != "RL.PEEK"]


def test_signin_counts_failures_only(app: App, server: Server, monitor: Monitor) -> None:
    key = f"rl:signin:{IP}"
    for _ in range(5):
        good = app.post("/signin?password=right")
        allowed(good, (SIGNIN, 3, 900))
        assert good.json() == {"ok": True}
        eventually(lambda: used(server, key) == 0, RECOVERY_S)
    commands = asked(monitor)
    ids = [words[-3] for words in commands if words[0] == "RL.LIMIT"]
    assert len(set(ids)) == len(ids) == 5
    assert all(len(one) == 22 for one in ids)
    charged = [["RL.LIMIT", key, "FIXED", "3", "15m", "ID", one, "KEEP", "900s"] for one in ids]
    settled = [["RL.SETTLE", key, one, "0"] for one in ids]
    assert commands == [each for pair in zip(charged, settled, strict=True) for each in pair]
    for left in (2, 1, 0):
        allowed(app.post("/signin?password=wrong"), (SIGNIN, left, 900), status=401)
    for _ in range(2):
        denied(app.post("/signin?password=right"), SIGNIN, by={"signin": 900})
    assert used(server, key) == 3
    assert all(words[0] == "RL.LIMIT" for words in asked(monitor))


def test_many_guesses_at_once_do_not_slip_through(app: App, server: Server) -> None:
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(app.post, ["/signin?password=wrong"] * 20))
    statuses = sorted(answer.status for answer in answers)
    assert statuses == [401] * 3 + [429] * 17
    assert used(server, f"rl:signin:{IP}") == 3


def test_plan_is_what_the_server_says(app: App, server: Server) -> None:
    with server.client() as client:
        client.execute_command("RL.POLICY", "SET", "plan", "FIXED", 2, "1m")
        try:
            allowed(app.get("/plan"), (Policy("plan", 2, 60), 1, 60))
            client.execute_command("RL.POLICY", "SET", "plan", "FIXED", 5, "1m")

            def told() -> bool:
                policies = app.get("/plan").header("RateLimit-Policy")
                return policies == '"plan";q=5;w=60'

            eventually(told, RECOVERY_S)
        finally:
            client.execute_command("RL.POLICY", "DEL", "plan")
    unavailable(app.get("/plan"))
    assert app.get("/items").status == 200


def test_generate_charges_what_it_really_cost(app: App, server: Server, monitor: Monitor) -> None:
    key = f"rl:tokens:{IP}"
    answer = app.post("/generate?estimate=600&actual=250")
    allowed(answer, (TOKENS, 750, 60))
    assert answer.json() == {"charged": 250, "requests_left": 750}
    assert used(server, key) == 250
    charge, settle = asked(monitor)
    assert charge[:6] + charge[7:] == [
        *["RL.LIMIT", key, "FIXED", "1000", "1m", "COST"], "ID", charge[8], "KEEP", "60s",
    ]  # fmt: skip
    assert settle == ["RL.SETTLE", key, charge[8], "250"]
    denied(
        app.post("/generate?estimate=751&actual=1"), TOKENS, by={"tokens": 60}, left={"tokens": 750}
    )
    more = app.post("/generate?estimate=1&actual=2000")
    assert more.json() == {"charged": 2000, "requests_left": 0}


@pytest.mark.parametrize(
    "query", ["", "estimate=5", "actual=5", "estimate=0&actual=1", "estimate=1&actual=0",
              "estimate=x&actual=1", "estimate=1&actual=-1", "estimate=1.5&actual=1"],
)  # fmt: skip
def test_generate_refuses_numbers_that_make_no_sense(
    app: App, monitor: Monitor, query: str
) -> None:
    assert app.post(f"/generate?{query}").status in (400, 422)
    assert monitor.commands() == []


def test_a_user_and_a_team_are_charged_together(app: App, server: Server, monitor: Monitor) -> None:
    user, team = Policy("user", 10, 60), Policy("team", 15, 60)
    for left in range(9, -1, -1):
        answer = app.get("/team/red", USER)
        allowed(answer, (user, left, 60), (team, left + 5, 60))
        assert answer.json() == {"team": "red"}
    for _ in range(3):
        denied(app.get("/team/red", USER), user, team, by={"user": 60})
    sent = ["RL.ALL", "rl:user:user:user123", "FIXED", "10", "1m"]
    sent += ["AND", "rl:team:team:red", "FIXED", "15", "1m"]
    assert monitor.commands() == [sent] * 13
    # The refusals have charged nobody: the team has five left for others.
    statuses = [app.get("/team/red").status for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    assert used(server, f"rl:user:{IP}") == 5
    assert keys(server) == ["rl:team:team:red", f"rl:user:{IP}", "rl:user:user:user123"]


def places(server: Server) -> int:
    """How many places are taken."""
    with server.client() as client:
        standing = client.execute_command("RL.PEEK", f"rl:busy:{IP}")
    return sum(int(row[1] - row[4]) for row in standing if row[0] == b"lease")


@contextmanager
def held(app: App) -> Iterator[None]:
    """A client whose request is being served, until it hangs up."""
    with Connection(app.port) as connection:
        connection.socket.sendall(request("GET", "/busy?ms=10000"))
        yield


def busy(answer: Answer, left: int) -> None:
    """An answer of whoever had a place."""
    assert answer.status == 200
    assert answer.header("RateLimit-Policy") == '"busy";q=2;qu="concurrent-requests"'
    assert members(answer, "RateLimit") == [("busy", {"r": left})]
    assert answer.json() == {"ok": True}


def test_two_are_busy_at_once(app: App, server: Server, monitor: Monitor) -> None:
    with held(app):
        eventually(lambda: places(server) == 1, RECOVERY_S)
        busy(app.get("/busy"), 0)
        eventually(lambda: places(server) == 1, RECOVERY_S)
        with held(app):
            eventually(lambda: places(server) == 2, RECOVERY_S)
            refused = app.get("/busy")
    assert refused.status == 429
    assert refused.header("Retry-After") == "5"
    assert refused.header("RateLimit") == '"busy";r=0;t=5'
    assert refused.json()["violated-policies"] == ["busy"]
    eventually(lambda: places(server) == 0, RECOVERY_S)
    busy(app.get("/busy"), 1)
    commands = monitor.commands()
    leases = [words for words in commands if words[0] == "RL.LEASE"]
    assert {tuple(words[1:4]) for words in leases} == {(f"rl:busy:{IP}", "2", "5s")}
    assert len({words[4] for words in leases}) == 5


def test_a_place_comes_back_after_errors_and_hang_ups(app: App, server: Server) -> None:
    for _ in range(3):
        assert app.get("/busy?fail=1").status == 500
        eventually(lambda: places(server) == 0, RECOVERY_S)
    for _ in range(3):
        with held(app):
            eventually(lambda: places(server) == 1, RECOVERY_S)
        eventually(lambda: places(server) == 0, RECOVERY_S)
    busy(app.get("/busy"), 1)


def test_a_trial_shows_on_the_server_only(app: App, server: Server) -> None:
    trial = Policy("trial", 100, 60)
    with server.client() as client:
        client.execute_command("RL.TOP", "SHADOW", "RESET")
        for left in range(99, 94, -1):
            allowed(app.get("/trial"), (trial, left, 60))
        assert client.execute_command("RL.TOP", "SHADOW") == [[f"rl:trial:{IP}".encode(), 3]]


def test_who_does_not_wait_is_banned(app: App, clock: Clock) -> None:
    for left in (2, 1, 0):
        allowed(app.get("/guarded"), (GUARDED, left, 60))
    for _ in range(2):
        denied(app.get("/guarded"), GUARDED, by={"guarded": 60})
    denied(app.get("/guarded"), GUARDED, BAN, by={"guarded": 60, "guarded-ban": 60})
    clock.advance(59_999)
    denied(app.get("/guarded"), GUARDED, BAN, by={"guarded": 1, "guarded-ban": 1})
    clock.advance(1)
    allowed(app.get("/guarded"), (GUARDED, 2, 60))


def test_who_waits_is_not_banned(app: App, clock: Clock) -> None:
    for _ in range(5):
        assert [app.get("/guarded").status for _ in range(4)] == [200] * 3 + [429]
        clock.advance(60_000)


def test_patient_waits_for_its_turn(app: App, clock: Clock) -> None:
    clock.offset_ms(0)
    assert app.get("/patient").status == 200
    waited = app.get("/patient")
    assert waited.status == 200
    began = time.monotonic()
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(app.get, ["/patient"] * 12))
    served = [answer for answer in answers if answer.status == 200]
    refused = [answer for answer in answers if answer.status == 429]
    assert len(served) + len(refused) == 12
    assert 2 <= len(served) <= 2 + 5 * (time.monotonic() - began)
    assert all(int(answer.header("Retry-After") or 0) >= 1 for answer in refused)
