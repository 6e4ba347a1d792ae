"""Measure, show, and write: see docs/performance.md.

Run by `make bench-http`, which builds the module and installs what the apps need.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.about import machine
from bench.http import figures, load, table, versions
from bench.http.apps import Apps
from bench.http.contenders import CONTENDERS, Contender
from bench.http.figures import Results
from bench.http.load import Sample
from bench.progress import say
from bench.servers import Bench
from support.paths import ROOT, TARGET
from support.server import Server

_CONNECTIONS = (1, 16, 64)
_WARM_UP_S = 2


def main() -> None:
    """Measure what was asked for."""
    asked = _arguments()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing: run 'scripts/setup.sh bench-http'")
    chosen = [one for one in CONTENDERS if _is_chosen(one, asked)]
    with tempfile.TemporaryDirectory(prefix="redis-rl-bench-") as folder:
        results = _measure(chosen, asked, Path(folder))
    print(table.text(results))
    asked.out.mkdir(parents=True, exist_ok=True)
    results.write_json(asked.out / "results.json")
    (asked.out / "results.md").write_text(table.markdown(results))
    say(f"results.json and results.md are in {asked.out}")


def _measure(chosen: Sequence[Contender], asked: argparse.Namespace, folder: Path) -> Results:
    with Bench(asked.server, folder).plain() as server, ExitStack() as running:
        about = {
            **machine(server),
            "rounds": f"{asked.rounds} of {asked.seconds} s each",
        }
        apps = Apps(asked.python, server.port, folder)
        ports = {one: running.enter_context(apps.running(one)) for one in chosen}
        for one, port in ports.items():
            say(f"warming up {one.title}")
            load.press(port, max(asked.connections), 1 if asked.quick else _WARM_UP_S)
        taken = {many: _rounds(server, ports, many, asked) for many in asked.connections}
    libraries = {one: versions.of(one, asked.python) for one in chosen}
    lines = [
        figures.line(one, libraries[one], many, taken[many])
        for group in dict.fromkeys(one.group for one in chosen)
        for many in asked.connections
        for one in chosen
        if one.group == group
    ]
    return Results(about, lines)


def _rounds(
    server: Server, ports: Mapping[Contender, int], connections: int, asked: argparse.Namespace
) -> Mapping[Contender, Sequence[Sample]]:
    """Every app in turn, again and again, each time from another one on: noise meets all alike."""
    samples: dict[Contender, list[Sample]] = {one: [] for one in ports}
    order = list(ports)
    for number in range(asked.rounds):
        say(f"{connections} connections, round {number + 1} of {asked.rounds}")
        at = number % len(order)
        for one in (*order[at:], *order[:at]):
            taken = load.measure(server, one, ports[one], connections, asked.seconds)
            samples[one].append(taken)
    return samples


def _is_chosen(one: Contender, asked: argparse.Namespace) -> bool:
    if asked.only:
        return one.kind in ("bare", "incr") or asked.only.lower() in one.title.lower()
    return one.quick or not asked.quick


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench.http", description="Measure what a limiter in front of a handler costs."
    )
    parser.add_argument("--quick", action="store_true", help="few rows, one short round")
    parser.add_argument(
        "--only", metavar="WORD", help="only rows with WORD in group or name, and their bases"
    )
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--seconds", type=int, default=3, metavar="N", help="how long a round is")
    parser.add_argument(
        "--server", default="redis-server", metavar="PATH", help="the server to run"
    )
    parser.add_argument(
        "--python",
        type=Path,
        default=TARGET / "bench-http" / "venv" / "bin" / "python",
        metavar="PATH",
        help="the interpreter for the apps in Python",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where results go")
    asked = parser.parse_args()
    asked.connections = _CONNECTIONS
    if asked.quick:
        asked.rounds, asked.seconds, asked.connections = 1, 1, _CONNECTIONS[:2]
    # Only a whole run replaces the figures that the documentation quotes.
    whole = not (asked.quick or asked.only) and asked.server == parser.get_default("server")
    asked.out = asked.out or (ROOT / "bench" / "http" if whole else TARGET / "bench-http")
    return asked


if __name__ == "__main__":
    main()
