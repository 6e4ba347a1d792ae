"""The tool where it asks running servers."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from urllib.request import urlopen

from suite.tools.tool import TOOL
from support.program import Program

DEADLINE_S = 120.0


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that it runs with: nothing of the machine's decides about colours or users."""
    outer = {"NO_COLOR", "CLICOLOR_FORCE", "REDISCLI_AUTH"}
    inherited = {name: value for name, value in os.environ.items() if name not in outer}
    return {**inherited, **(more or {})}


def tool(
    *words: str | Path, code: int = 0, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it to its end in a pipe; it must end with `code`."""
    done = subprocess.run(
        [TOOL, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
        env=environment(env),
    )
    assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


class Exporter:
    """`redis-rl export` in the background, on a port of its own."""

    def __init__(self, folder: Path, *urls: str) -> None:
        command = [str(TOOL), "export", *urls, "--listen", "127.0.0.1:0"]
        self.program = Program(command, folder / "export.log", environment(), folder)
        self.program.answers(lambda: bool(self._address()), DEADLINE_S)
        self.address = self._address()
        assert self.address, self.program.log()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.program.kill()

    def _address(self) -> str:
        found = re.search(r"metrics are at http://(\S+)/metrics", self.program.log())
        return found[1] if found else ""

    def scrape(self) -> str:
        """What /metrics answers."""
        with urlopen(f"http://{self.address}/metrics", timeout=60) as reply:
            assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
            return str(reply.read().decode())

    def samples(self) -> dict[str, float]:
        """The samples of a scrape, by their names and labels as written."""
        lines = [line for line in self.scrape().splitlines() if not line.startswith("#")]
        read = [line.rsplit(" ", 1) for line in lines]
        assert len({name for name, _ in read}) == len(read), "a sample is there twice"
        return {name: float(value) for name, value in read}
