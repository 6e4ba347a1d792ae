"""One load on one app: wrk for some seconds over some connections."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.http.apps import URL, App
from bench.http.contenders import Contender
from support import replication
from support.server import Server

LEAD_IN_S = 2
"""How long an app is pressed before it is measured: one that has idled must wake up first."""

_REPORT = Path(__file__).with_name("report.lua")


@dataclass(frozen=True)
class Sample:
    """What one load has shown."""

    per_second: float
    p99_ms: float
    cpu_us: float
    """CPU time of the app, for one request."""


def press(app: App, connections: int, seconds: int) -> tuple[int, Sample]:
    """How many requests were answered, and how; one that failed is an error."""
    cpu_s = app.cpu_s
    words = ["-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "10s"]
    done = subprocess.run(
        ["wrk", *words, "-s", str(_REPORT), URL.format(port=app.port)],
        capture_output=True,
        text=True,
        timeout=seconds + 30,
        check=True,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    if told["failed"] or not told["requests"]:
        raise ValueError(f"{connections} connections: {told}")
    requests = told["requests"]
    cpu_us = (app.cpu_s - cpu_s) / requests * 1e6
    return requests, Sample(requests / told["seconds"], told["p99_us"] / 1000, cpu_us)


def measure(
    server: Server, contender: Contender, app: App, connections: int, seconds: int
) -> Sample:
    """Press, and see in Redis that the app did what its row is about."""
    press(app, connections, LEAD_IN_S)
    before = _commands(server)
    requests, sample = press(app, connections, seconds)
    commands = _commands(server) - before
    if contender.asks_redis != (commands >= requests):
        raise ValueError(f"{contender.title}: {requests} requests, {commands} commands in Redis")
    return sample


def _commands(server: Server) -> int:
    with server.client() as client:
        return int(replication.info(client, "stats")["total_commands_processed"])
