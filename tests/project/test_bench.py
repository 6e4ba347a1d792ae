"""The benchmark measures on a real server: its shortest run, and what that writes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from support.kinds import Kind
from support.paths import ROOT

BASE, OURS = "SET k v EX", "RL.FIXED, allowed"


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
def test_a_quick_run_counts_instructions(kind: Kind, tmp_path: Path) -> None:
    options = ["--quick", "--only", OURS, "--server", str(kind.launcher), "--out", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run(
        [sys.executable, "-m", "bench", *options],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["about"]["server"] == f"{'Valkey' if kind.is_valkey else 'Redis'} {kind.version}"
    [section] = results["sections"]
    counted = {line["name"]: line["instructions"] for line in section["lines"]}
    assert list(counted) == [BASE, OURS]
    assert all(1_000 < count < 100_000 for count in counted.values()), counted
    goes = results["floor"]
    assert goes["total"] == pytest.approx(counted[OURS], rel=0.05)
    assert goes["total"] == pytest.approx(
        sum(goes[whose] for whose in ("server", "library", "ours"))
    )
    functions = {each["name"]: each["whose"] for each in goes["functions"]}
    assert {"processCommand": "server", "RM_OpenKey": "server"}.items() <= functions.items()
    assert any(name.startswith("redis_rl::") for name in functions), functions
    assert OURS in done.stdout
    assert f"| {OURS} |" in (tmp_path / "results.md").read_text()
    drawn = ElementTree.fromstring((tmp_path / "chart.svg").read_text())
    assert len(drawn.findall("{http://www.w3.org/2000/svg}rect")) == 2
