"""The comparison over HTTP: its shortest run, with real apps on a real server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from support.kinds import Kind
from support.paths import ROOT

BARE, OURS = "no limiter", "redis-rl"


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
@pytest.mark.skipif(find_spec("uvicorn") is None, reason="uvicorn is not installed")
def test_a_quick_run_compares_two_apps(kind: Kind, tmp_path: Path) -> None:
    options = ["--quick", "--python", sys.executable]
    options += ["--server", str(kind.launcher), "--out", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "bench.http", *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["about"]["server"] == f"{'Valkey' if kind.is_valkey else 'Redis'} {kind.version}"
    lines = results["lines"]
    assert [(line["name"], line["connections"]) for line in lines] == [
        (BARE, 1),
        (OURS, 1),
        (BARE, 16),
        (OURS, 16),
    ]
    for line in lines:
        assert line["per_second"] > 0, line
        assert line["p99_ms"] > 0, line
        assert line["libraries"], line
    assert [line["of_bare"] for line in lines if line["name"] == BARE] == [1, 1]
    assert OURS in done.stdout
    assert f"| {OURS} |" in (tmp_path / "results.md").read_text()
