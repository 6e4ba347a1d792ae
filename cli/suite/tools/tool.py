"""The tool, as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from support.paths import ROOT

TOOL = Path(os.environ.get("RL_TOOL", ROOT / "target" / "release" / "redis-rl"))
"""The program under test; RL_TOOL names another build of it."""

DEADLINE_S = 120


def run(
    *words: str | Path, stdin: bytes | str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run it, and answer what it printed and its exit code."""
    assert TOOL.exists(), f"{TOOL} is not there: run 'make cli'"
    sent = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run(
        [TOOL, *map(str, words)],
        input=sent if sent is not None else b"",
        capture_output=True,
        timeout=DEADLINE_S,
        env={**os.environ, **environment},
        check=False,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def replay(*words: str | Path, stdin: bytes | str | None = None) -> dict[str, Any]:
    """The JSON of a replay that succeeds."""
    done = run("replay", "--json", *words, stdin=stdin)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    # Lines that were skipped are shown, and nothing else.
    shown = min(report["read"]["skipped"], 3)
    assert len(done.stderr.splitlines()) == (shown and shown + 1)
    return report


def refused(report: dict[str, Any], place: int = 0) -> dict[str, int]:
    """How many requests of each client the candidate at that place refused."""
    return {row["key"]: row["refused"] for row in report["candidates"][place]["top"]}
