"""Nothing that the module was given is lost, from its load to the server's end."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from support.kinds import Kind
from support.server import Server


def under_valgrind(kind: Kind, folder: Path) -> tuple[Kind, Path]:
    """The same server under valgrind, and the report that it leaves behind."""
    valgrind = shutil.which("valgrind")
    if not valgrind:
        pytest.skip("valgrind is not here")
    launcher, report = folder / "launcher", folder / "report"
    # Debian's server has the allocator in a library, whose calls valgrind can take over.
    options = f"--soname-synonyms=somalloc=*jemalloc* --leak-check=full --log-file={report}"
    launcher.write_text(f'#!/bin/sh\nexec {valgrind} {options} redis-server "$@"\n')
    launcher.chmod(0o755)
    return replace(kind, launcher=launcher), report


@pytest.mark.timeout(600)
@pytest.mark.parametrize("renamed", ["", 'COMMAND ""'], ids=["as it comes", "without COMMAND"])
def test_nothing_is_lost(
    kind: Kind, tmp_path: Path, renamed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("support.server.START_DEADLINE_S", 200.0)
    monkeypatch.setattr("support.server.STOP_DEADLINE_S", 200.0)
    watched, report = under_valgrind(kind, tmp_path)
    config = {"rename-command": renamed} if renamed else {}
    with Server(watched, tmp_path / "server", config=config) as server:
        with server.raw() as raw:
            raw("RL.POLICY", "SET", "api", "FIXED", 5, "1m")
            for clauses in ("FIXED 5 1m", "LOG 5 1m TOKEN 0 1 1m"):
                raw("RL.LIMIT", "k", *clauses.split())
            for number in range(40):
                raw("RL.TOKEN", "k", 99, 9, "1m", "ID", f"{number}" * 9)
                raw("RL.SETTLE", "k", f"{number}" * 9, number % 3)
            raw("RL.LOG", "k", 5, "1m", "ID", "0" * 9)
            raw("RL.SETTLE", "k", "0" * 9, "x")
            raw("DEBUG", "RELOAD")
            raw("COPY", "k", "copy")
            raw("RL.POLICY", "LOAD", "{")
            raw("CONFIG", "SET", "maxmemory", 1_000_000)
            raw("EVAL", "redis.call('DEL', 'x') return redis.call('RL.LOG', 'n', 5, '1m')", 0)
            raw("RL.TOP", "RESET")
            raw("DEL", "k")
        server.stop()
    told = report.read_text()
    assert "LEAK SUMMARY" in told
    losses = re.findall(r"== ([\d,]+ bytes in .* definitely lost.*(?:\n==\d+== +\S.*)*)", told)
    assert [loss for loss in losses if "libredis_rl" in loss or "redis_rl::" in loss] == []
