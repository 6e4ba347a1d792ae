"""Nanoseconds per decision, without any server: the criterion benchmarks of core/."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping

from bench.progress import say
from support.paths import ROOT, TARGET


def nanoseconds() -> Mapping[str, float]:
    """Run them; the median of each, by its name."""
    say("core/: nanoseconds per decision")
    command = ["cargo", "bench", "--quiet", "-p", "rl-core"]
    for file in sorted((ROOT / "core" / "benches").glob("*.rs")):
        command += ["--bench", file.stem]
    brief = ["--warm-up-time", "0.5", "--measurement-time", "1.5", "--noplot"]
    # What an earlier build measured is not to be taken for this one's.
    kept = TARGET / "criterion"
    shutil.rmtree(kept, ignore_errors=True)
    command += ["--", *brief]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    found = {}
    for file in sorted(kept.glob("**/new/estimates.json")):
        named = json.loads((file.parent / "benchmark.json").read_text())
        found[str(named["full_id"])] = float(
            json.loads(file.read_text())["median"]["point_estimate"]
        )
    return found
