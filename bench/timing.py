"""What redis-benchmark measures, and what the server's main thread spends on it."""

from __future__ import annotations

import csv
import io
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import load
from bench.rows import KEY, Row
from support.server import Server

PIPELINE = 64
_RUNS = 3
_CALLS = 100_000
_PEER_CALLS = 40_000
_SINGLE_CALLS = 20_000


@dataclass(frozen=True)
class Speed:
    """One row's figures: the best of some runs, for what disturbs a run only makes it slower."""

    cpu_ns: float
    """The main thread's CPU time per call, the kernel's work for it included."""
    per_second: float
    """Calls per second, 50 connections with PIPELINE calls under way on each."""


@dataclass(frozen=True)
class Latency:
    """One connection, one call at a time."""

    p50_us: float
    p99_us: float


def speed(server: Server, row: Row, keys: int | None = None) -> Speed:
    """Make as many calls as the server can take, over the row's keys unless it is said how many."""
    keys = keys or row.loaded_keys
    load.prepare(server, row, keys)
    calls = _PEER_CALLS if row.kind == "peer" else _CALLS
    cpu_ns, per_second = [], []
    for _ in range(_RUNS):
        before = main_thread_ns(server)
        told = _benchmark(server, row, keys, calls, "-P", str(PIPELINE))
        cpu_ns.append((main_thread_ns(server) - before) / calls)
        per_second.append(told["rps"])
    _check(server, row)
    return Speed(min(cpu_ns), max(per_second))


def latency(server: Server, row: Row) -> Latency:
    """Make one call after another; keys are as `speed` left them."""
    told = _benchmark(server, row, row.loaded_keys, _SINGLE_CALLS, "-c", "1")
    _check(server, row)
    return Latency(told["p50_latency_ms"] * 1000, told["p99_latency_ms"] * 1000)


def _benchmark(server: Server, row: Row, keys: int, calls: int, *how: str) -> dict[str, float]:
    words = ["__rand_int__" if word == KEY else word for word in row.call]
    command = ["redis-benchmark", "-p", str(server.port), "-r", str(keys), "-n", str(calls)]
    done = subprocess.run(
        [*command, *how, "--csv", *words], capture_output=True, text=True, timeout=300, check=True
    )
    [told] = csv.DictReader(io.StringIO(done.stdout))
    return {name: float(value) for name, value in told.items() if name != "test"}


def cpu_ns(server: Server, work: Callable[[], None]) -> int:
    """The main thread's CPU time for some work."""
    before = main_thread_ns(server)
    work()
    return main_thread_ns(server) - before


def least_cpu_ns(server: Server, work: Callable[[], None]) -> int:
    """The same, of some runs the least."""
    return min(cpu_ns(server, work) for _ in range(_RUNS))


def main_thread_ns(server: Server) -> int:
    """CPU time of the server's main thread since it began."""
    schedule = Path(f"/proc/{server.pid}/task/{server.pid}/schedstat")
    return int(schedule.read_text().split()[0])


def _check(server: Server, row: Row) -> None:
    with server.raw() as connection:
        row.check(load.answer(connection, [load.encoded(row.call, 0)]))
