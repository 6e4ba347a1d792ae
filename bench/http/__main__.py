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
from bench.http import builds, figures, load, table, versions
from bench.http.apps import App, Apps
from bench.http.contenders import CONTENDERS, Contender
from bench.http.figures import Results
from bench.http.load import Sample
from bench.progress import say
from bench.servers import Bench
from support.server import Server

_CONNECTIONS = (1, 16, 64)
# V8 compiles the apps of Node for three to five seconds; until then they cost up to twice as much.
_WARM_UP_S = 6


def main() -> None:
    """Measure what was asked for."""
    asked = _arguments()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing: run 'scripts/setup.sh bench-http'")
    chosen = _choose(asked)
    builds.build(dict.fromkeys(one.language for one in chosen))
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
        started = {one: running.enter_context(apps.running(one)) for one in chosen}
        for one, app in started.items():
            say(f"warming up {one.title}")
            load.press(app, max(asked.connections), 1 if asked.quick else _WARM_UP_S)
        taken = {many: _rounds(server, started, many, asked) for many in asked.connections}
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
    server: Server, apps: Mapping[Contender, App], connections: int, asked: argparse.Namespace
) -> Mapping[Contender, Sequence[Sample]]:
    """Every app in turn, again and again, each time from another one on: noise meets all alike."""
    samples: dict[Contender, list[Sample]] = {one: [] for one in apps}
    order = list(apps)
    for number in range(asked.rounds):
        say(f"{connections} connections, round {number + 1} of {asked.rounds}")
        at = number % len(order)
        for one in (*order[at:], *order[:at]):
            taken = load.measure(server, one, apps[one], connections, asked.seconds)
            samples[one].append(taken)
    return samples


def _choose(asked: argparse.Namespace) -> list[Contender]:
    """The rows that were asked for; by a word, with the rows that they are compared with."""
    if not asked.only:
        return [one for one in CONTENDERS if one.quick or not asked.quick]
    found = {one for one in CONTENDERS if asked.only.lower() in one.title.lower()}
    groups = {one.group for one in found}
    chosen = [
        one
        for one in CONTENDERS
        if one in found or (one.group in groups and one.kind in ("bare", "incr"))
    ]
    if not chosen:
        raise SystemExit(f"no row has {asked.only!r} in its group or name")
    return chosen


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
        default=builds.BUILT / "venv" / "bin" / "python",
        metavar="PATH",
        help="the interpreter for the apps in Python",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where results go")
    asked = parser.parse_args()
    # Only a whole run replaces the figures that the documentation quotes.
    decisive = ("quick", "only", "rounds", "seconds", "server")
    whole = all(getattr(asked, name) == parser.get_default(name) for name in decisive)
    asked.out = asked.out or (builds.APPS if whole else builds.BUILT)
    asked.connections = _CONNECTIONS
    if asked.quick:
        asked.rounds, asked.seconds, asked.connections = 1, 1, _CONNECTIONS[:2]
    return asked


if __name__ == "__main__":
    main()
