"""Debian's Prometheus and redis_exporter, as scripts/fetch_prometheus.py left them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from support.paths import ROOT, TARGET
from support.ports import free_port, give_back
from support.program import Program
from support.server import Server

FOLDER = TARGET / "prometheus"
RULES = ROOT / "packaging" / "prometheus"
START_DEADLINE_S = 60.0

needed = pytest.mark.skipif(
    not (FOLDER / "promtool").exists(),
    reason="Prometheus was not fetched: run 'make prometheus'",
)
"""Marks tests that need them."""


def promtool(*words: str | Path) -> str:
    """What promtool prints; it must succeed."""
    done = subprocess.run(
        [FOLDER / "promtool", *words], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def answers(url: str) -> bool:
    """Whether something answers there."""
    try:
        with urlopen(url, timeout=5):
            return True
    except (OSError, URLError):
        return False


class Background:
    """A program with a port of its own that serves HTTP, ended after its `with`."""

    def __init__(self, folder: Path, name: str, words: Sequence[str], port: int, path: str) -> None:
        self.port = port
        command = [str(FOLDER / name), *words]
        self.program = Program(command, folder / f"{name}.log", os.environ, folder)
        url = f"http://127.0.0.1:{port}{path}"
        if not self.program.answers(lambda: answers(url), START_DEADLINE_S):
            self.program.kill()
            raise AssertionError(f"{name} does not answer\n{self.program.log()}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.program.kill()
        give_back(self.port)


class RedisExporter(Background):
    """redis_exporter with our script."""

    def __init__(self, folder: Path, server: Server) -> None:
        port = free_port()
        words = [
            f"-redis.addr=redis://127.0.0.1:{server.port}",
            f"-script={RULES / 'redis-rl.lua'}",
            f"-web.listen-address=127.0.0.1:{port}",
        ]
        super().__init__(folder, "prometheus-redis-exporter", words, port, "/metrics")


class Prometheus(Background):
    """A Prometheus that scrapes once in a second, and evaluates rules as often."""

    def __init__(
        self, folder: Path, jobs: Sequence[Mapping[str, Any]], rules: Sequence[str]
    ) -> None:
        config = folder / "prometheus.yml"
        # JSON is YAML, too.
        config.write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                    "scrape_configs": list(jobs),
                    "rule_files": [str(RULES / name) for name in rules],
                }
            )
        )
        port = free_port()
        words = [
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        super().__init__(folder, "prometheus", words, port, "/-/ready")

    def get(self, path: str, **words: str) -> Any:
        """What its API answers."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urlencode(words)}"
        with urlopen(url, timeout=60) as reply:
            told = json.loads(reply.read())
        assert told["status"] == "success", told
        return told["data"]

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """The samples that an expression gives now, each with its labels."""
        found = self.get("query", query=expression)["result"]
        return [(one["metric"], float(one["value"][1])) for one in found]
