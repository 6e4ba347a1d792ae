"""One load on one app: wrk for some seconds over some connections."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.http.apps import URL
from bench.http.contenders import Contender
from support import replication
from support.server import Server

_REPORT = Path(__file__).with_name("report.lua")


@dataclass(frozen=True)
class Sample:
    """What one load has shown."""

    per_second: float
    p99_ms: float


def press(port: int, connections: int, seconds: int) -> tuple[int, Sample]:
    """How many requests were answered, and how; one that failed is an error."""
    words = ["-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s"]
    done = subprocess.run(
        ["wrk", *words, "-s", str(_REPORT), URL.format(port=port)],
        capture_output=True,
        text=True,
        timeout=seconds + 30,
        check=True,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    if told["failed"] or not told["requests"]:
        raise ValueError(f"{connections} connections: {told}")
    per_second = told["requests"] / told["seconds"]
    return told["requests"], Sample(per_second, told["p99_us"] / 1000)


def measure(
    server: Server, contender: Contender, port: int, connections: int, seconds: int
) -> Sample:
    """Press, and see in Redis that the app did what its row is about."""
    before = _commands(server)
    requests, sample = press(port, connections, seconds)
    commands = _commands(server) - before
    if contender.asks_redis != (commands >= requests):
        raise ValueError(f"{contender.title}: {requests} requests, {commands} commands in Redis")
    return sample


def _commands(server: Server) -> int:
    with server.client() as client:
        return int(replication.info(client, "stats")["total_commands_processed"])
