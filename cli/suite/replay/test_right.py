"""A real server, sent the same requests at the same times, refuses the same ones."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from redis import Redis

from suite.tools.logs import START_MS, Hit
from suite.tools.tool import refused, replay
from support.server import Server

LIMITS = [
    "5/10s",
    "0/minute",
    "sliding 7/minute",
    "log 6 per 20s",
    "token 2/second burst 5",
    "leaky 3 per 5s burst 4",
    "20/minute; 3/second",
    "4 per 10s; ban 40s after 5/minute up to 10m; shadow 1/minute",
    "token 10/10s burst 4, sliding 25/minute | log 3/second; leaky 100/minute burst 50; 60/hour",
]
CLIENTS = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "198.51.100.9"]


def traffic(seed: int, count: int = 600) -> list[Hit]:
    """Requests in bursts and pauses, some at the same millisecond, some windows apart."""
    rng = random.Random(seed)
    hits, now = [], 0
    for _ in range(count):
        now += rng.choice([0, 0, 1, 7, 50, 333, 1_000, 2_500, rng.randrange(20_000)])
        hits.append(Hit(ms=now, ip=rng.choice(CLIENTS), bytes=rng.randrange(4)))
    return hits


def decided(
    server: Server,
    limit: str,
    hits: list[Hit],
    key: Callable[[Hit], str],
    cost: Callable[[Hit], int],
) -> tuple[Counter[str], Counter[str], int]:
    """Of each key, how many are refused and asked; and how many would pass a second later."""
    words = [w for clause in clauses(limit) for w in clause]
    refused: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    soon = 0
    with server.client() as client:
        for hit in hits:
            server.clock.set_ms(START_MS + hit.ms)
            reply = ask(client, key(hit), words, cost(hit))
            asked[key(hit)] += 1
            if reply[0] == 0:
                refused[key(hit)] += 1
                waits = [verdict[3] for verdict in reply[1:] if verdict[0] == 0]
                soon += all(0 <= wait <= 1_000 for wait in waits)
    return refused, asked, soon


def ask(client: Redis, key: str, words: list[str], cost: int) -> list:  # type: ignore[type-arg]
    """One call, as a helper makes it."""
    answer: list = client.execute_command(  # type: ignore[type-arg]
        "RL.LIMIT", key, *words, "COST", cost
    )
    return answer


def clauses(limit: str) -> list[list[str]]:
    """The words of a limit, as the tool has them."""
    line = json.dumps({"ts": START_MS, "ip": "192.0.2.1"}) + "\n"
    report = replay("-", "--limit", limit, stdin=line)
    found: list[list[str]] = report["candidates"][0]["clauses"]
    return found


def as_json(hit: Hit) -> str:
    """A line of JSON with the time in milliseconds."""
    return json.dumps(
        {
            "ts": (START_MS + hit.ms) / 1000,
            "client_ip": hit.ip,
            "url": hit.path,
            "account": {"id": hit.user},
            "units": hit.bytes,
            "status": hit.status,
        }
    )


@pytest.mark.parametrize("limit", LIMITS)
def test_each_limit_refuses_whom_the_server_refuses(
    server: Server, tmp_path: Path, limit: str
) -> None:
    hits = traffic(seed=LIMITS.index(limit))
    expected, asked, soon = decided(server, limit, hits, lambda hit: hit.ip, lambda _: 1)
    log = tmp_path / "access.json"
    log.write_text("".join(as_json(hit) + "\n" for hit in hits))

    report = replay(log, "--limit", "1000/second", "--limit", limit)
    candidate = report["candidates"][1]
    assert expected, "the traffic must meet the limit"
    assert refused(report, 1) == dict(expected)
    assert {row["key"]: row["requests"] for row in candidate["top"]} == {
        key: asked[key] for key in expected
    }
    assert candidate["refused"] == expected.total()
    assert candidate["refused_share"] == pytest.approx(expected.total() / len(hits))
    assert candidate["clients_refused"] == len(expected)
    assert candidate["passed_within_1s"] == soon
    assert report["candidates"][0]["refused"] == 0


@pytest.mark.parametrize("limit", ["token 6/10s burst 9", "sliding 12/minute; log 5/3s"])
def test_costs_conditions_keys_and_disorder_are_as_on_the_server(
    server: Server, tmp_path: Path, limit: str
) -> None:
    """JSON lines in two gzipped files, out of order, with costs, a filter and a joined key."""
    rng = random.Random(limit)
    hits, now = [], 0
    for _ in range(800):
        now += rng.choice([1, 2, 40, 700, 3_000])
        network = rng.choice(["2001:db8:0:7f00::", "2001:db8:0:7f01::", "2001:db8:1:0::"])
        ip = rng.choice(["192.0.2.1", f"{network}{rng.randrange(1, 9)}"])
        hits.append(
            Hit(
                ms=now,
                ip=ip,
                user=rng.choice(["ann", "bob"]),
                bytes=rng.randrange(6),
                path=rng.choice(["/buy?x=1", "/buy", "/look"]),
                status=rng.choice([200, 401]),
            )
        )

    def key(hit: Hit) -> str:
        network = {"2001:db8:0:7": "2001:db8:0:7f00::/56", "2001:db8:1:0": "2001:db8:1::/56"}
        return f"{network.get(hit.ip[:12], hit.ip)}+{hit.user}"

    wanted = [hit for hit in hits if hit.path.startswith("/buy") and hit.status < 400]
    expected, asked, _ = decided(server, limit, wanted, key, lambda hit: hit.bytes)

    # A request is written when it ends, at most a minute later.
    written = sorted(hits, key=lambda hit: hit.ms + rng.randrange(60_000))
    assert written != hits
    halves = [written[0::2], written[1::2]]
    logs = [tmp_path / "a.json.gz", tmp_path / "b.json.gz"]
    for log, half in zip(logs, halves, strict=True):
        log.write_bytes(gzip.compress("".join(as_json(hit) + "\n" for hit in half).encode()))

    report = replay(
        *logs,
        "--limit",
        limit,
        "--format",
        "json",
        "--time",
        "ts",
        "--key",
        "ip+account.id",
        "--cost",
        "units",
        "--where",
        "path=/buy",
        "--where",
        "status<400",
        "--ipv6-prefix",
        "56",
    )
    assert expected, "the traffic must meet the limit"
    assert report["read"]["skipped"] == 0
    assert report["read"]["lines"] == len(hits)
    assert report["read"]["requests"] == len(wanted)
    assert report["read"]["clients"] == len(asked)
    assert refused(report) == dict(expected)
