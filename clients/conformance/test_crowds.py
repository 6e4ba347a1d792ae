"""Many requests at once."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from select import select
from threading import Barrier

from conformance.tools.apps import App
from conformance.tools.expected import Policy, allowed, denied
from conformance.tools.monitor import Monitor
from conformance.tools.wire import Answer, Connection, request
from support.clock import Clock

LEAKY = Policy("leaky-5-per-1s", 10, 2)
# What a busy machine may add to a wait.
SLACK_MS = 15_000


def at_once(app: App, count: int, method: str, target: str) -> list[Answer]:
    """`count` requests, each on a connection of its own that stood before the first was sent."""
    barrier = Barrier(count)

    def one(_: int) -> Answer:
        with Connection(app.port) as connection:
            barrier.wait(60)
            return connection.ask(method, target)

    with ThreadPoolExecutor(count) as threads:
        return list(threads.map(one, range(count)))


def test_a_crowd_is_admitted_up_to_the_limit(app: App, monitor: Monitor) -> None:
    for method, target, limit in [
        ("GET", "/items", 5),
        ("POST", "/login", 5),
        ("GET", "/report", 2),
    ]:
        statuses = Counter(answer.status for answer in at_once(app, 50, method, target))
        assert statuses == {200: limit, 429: 50 - limit}
        assert len(monitor.commands()) == 50


def test_a_crowd_sees_each_remainder_once(app: App) -> None:
    left = [
        answer.json()["requests_left"]
        for answer in at_once(app, 50, "GET", "/user_data")
        if answer.status == 200
    ]
    assert sorted(left) == list(range(10))


def test_requests_of_one_packet_are_answered_in_order(app: App) -> None:
    with Connection(app.port) as connection:
        connection.socket.sendall(request("GET", "/items") * 8)
        stream = connection.socket.makefile("rb")
        statuses: list[int] = []
        while len(statuses) < 8:
            line = stream.readline()
            assert line, statuses
            if line.startswith(b"HTTP/1.1 "):
                statuses.append(int(line.split()[1]))
                length = 0
            elif line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
            elif line == b"\r\n":
                stream.read(length)
        stream.close()
    assert statuses == [200] * 5 + [429] * 3


def test_slow_holds_each_request_for_its_turn(app: App, clock: Clock) -> None:
    answers = at_once(app, 12, "GET", "/slow")
    served = [answer for answer in answers if answer.status == 200]
    assert len(served) == 10
    waits = sorted((answer.json()["waited_ms"], answer.took * 1000) for answer in served)
    for turn, (told, took) in enumerate(waits):
        assert isinstance(told, int)
        assert turn * 200 <= told < turn * 200 + SLACK_MS
        assert turn * 200 - 2 <= took < turn * 200 + SLACK_MS
    for refusal in (answer for answer in answers if answer.status == 429):
        denied(refusal, LEAKY, by={LEAKY.name: 1})
        assert refusal.took * 1000 < SLACK_MS
    clock.advance(2000)
    first = app.get("/slow")
    allowed(first, (LEAKY, 9, 1))
    assert first.json()["waited_ms"] < 200
    second = app.get("/slow")
    assert 200 <= second.json()["waited_ms"] < 200 + SLACK_MS


def test_who_waits_in_slow_holds_up_nobody(app: App) -> None:
    at_once(app, 9, "GET", "/slow")
    with Connection(app.port) as held:
        held.socket.sendall(request("GET", "/slow"))
        assert app.get("/health").status == 200
        assert app.get("/items").status == 200
        readable, _, _ = select([held.socket], [], [], 0)
        assert not readable, "it is held for 1.8 s"
        assert held.read().json()["waited_ms"] >= 1800


def test_who_hangs_up_in_slow_leaves_the_app_well(app: App) -> None:
    for _ in range(4):
        with Connection(app.port) as connection:
            connection.socket.sendall(request("GET", "/slow"))
    assert app.get("/items").status == 200
