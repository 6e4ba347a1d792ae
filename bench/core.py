"""Nanoseconds per decision, without any server: the criterion benchmarks of core/."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping

from bench.progress import say
from support.paths import ROOT, TARGET


def nanoseconds() -> Mapping[str, float]:
    """Run them; the median of each, by its name."""
    if not list((ROOT / "core" / "benches").glob("*.rs")):
        return {}
    say("core/: nanoseconds per decision")
    kept = TARGET / "criterion"
    command = ["cargo", "bench", "--quiet", "-p", "rl-core", "--benches", "--"]
    brief = ["--warm-up-time", "0.5", "--measurement-time", "1.5", "--noplot"]
    subprocess.run([*command, *brief], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    found = {}
    for file in sorted(kept.glob("**/new/estimates.json")):
        named = json.loads((file.parent / "benchmark.json").read_text())
        found[str(named["full_id"])] = float(
            json.loads(file.read_text())["median"]["point_estimate"]
        )
    return found
