"""Measure, show, and write: see docs/performance.md.

Run by `make bench`, which builds the module and puts the tests' tools on the path.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from bench import (
    about,
    bars,
    calls,
    charges,
    chart,
    core,
    figures,
    floor,
    logs,
    peers,
    places,
    regimes,
    switches,
    table,
)
from bench.figures import Results
from bench.progress import say
from bench.rows import BASE, OUR_ROWS, SERVER_ROWS, Row
from bench.servers import AOF, PLAIN, REPLICA, Bench
from support.paths import MODULE, ROOT, TARGET


def main() -> None:
    """Measure what was asked for."""
    asked = _arguments()
    for program in ("valgrind", "vgdb", "redis-benchmark"):
        if shutil.which(program) is None:
            raise SystemExit(f"{program} is missing: run 'scripts/setup.sh server bench'")
    with tempfile.TemporaryDirectory(prefix="redis-rl-bench-") as folder:
        results = _measure(Bench(asked.server, Path(folder), asked.module), asked)
    print(table.text(results))
    asked.out.mkdir(parents=True, exist_ok=True)
    figures.write_json(results, asked.out / "results.json")
    (asked.out / "results.md").write_text(table.markdown(results))
    drawn = chart.draw(results.section(PLAIN.title), results.about["server"])
    (asked.out / "chart.svg").write_text(drawn)
    say(f"results.json, results.md and chart.svg are in {asked.out}")


def _measure(bench: Bench, asked: argparse.Namespace) -> Results:
    with bench.plain() as server, server.raw() as connection:
        results = Results(about.about(server))
        rows = [*SERVER_ROWS, *OUR_ROWS, *peers.rows(connection)]
    chosen = [row for row in rows if _is_chosen(row, asked)]
    everything = not (asked.quick or asked.only)
    if everything:
        results.core_ns = core.nanoseconds()
    if asked.quick:
        results.sections.append(calls.counts_only(bench, chosen))
    else:
        results.sections.append(calls.in_full(bench, chosen))
    if not asked.only:
        results.sections.append(regimes.new_keys(bench, in_full=everything))
    if any(row.name == floor.CALLED for row in chosen):
        results.floor = floor.measure(bench)
    if everything:
        results.sections += [calls.elsewhere(bench, setting) for setting in (AOF, REPLICA)]
        results.sections.append(regimes.expired_keys(bench))
        results.sections.append(calls.over_many_keys(bench))
        results.sections += logs.sections(bench)
        results.sections += switches.sections(bench)
    for part in (charges, places):
        if everything or (asked.only and asked.only.lower() in part.TITLE.lower()):
            results.sections.append(part.section(bench))
    results.bars = [bar for bar in bars.outcomes(results) if everything or bar.met is not None]
    return results


def _is_chosen(row: Row, asked: argparse.Namespace) -> bool:
    if asked.only:
        return row.name == BASE or asked.only.lower() in row.name.lower()
    return row.quick or not asked.quick


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Measure what RL.* calls cost.")
    parser.add_argument("--quick", action="store_true", help="instructions only, of few rows")
    parser.add_argument(
        "--only", metavar="WORD", help="only rows with WORD in their name, and SET EX"
    )
    parser.add_argument(
        "--server", default="redis-server", metavar="PATH", help="the server to run"
    )
    parser.add_argument(
        "--module", type=Path, default=MODULE, metavar="PATH", help="the module, if not this tree's"
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="where results go")
    asked = parser.parse_args()
    usual = all(getattr(asked, name) == parser.get_default(name) for name in ("server", "module"))
    whole = usual and not (asked.quick or asked.only)
    # Only a whole run replaces the figures that the documentation quotes.
    asked.out = asked.out or (ROOT / "bench" if whole else TARGET / "bench")
    return asked


if __name__ == "__main__":
    main()
