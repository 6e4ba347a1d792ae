"""An app's process: started on a free port, asked once, ended."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.http.builds import BUILT
from bench.http.contenders import Contender, Language
from support.eventually import eventually
from support.paths import ROOT
from support.ports import free_port

URL = "http://127.0.0.1:{port}/items"
_ANSWER = [{"item": "Foo"}, {"item": "Bar"}]
_START_DEADLINE_S = 30.0
_STOP_DEADLINE_S = 10.0


@dataclass(frozen=True)
class App:
    """A process that serves on a port."""

    pid: int
    port: int

    @property
    def cpu_s(self) -> float:
        """CPU time of all its threads since it began, its own and the kernel's for it."""
        # Behind the program's name, which may hold spaces: the 12th and 13th word.
        words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


class Apps:
    """Starts apps in front of one Redis; `python` is the interpreter for those of Python."""

    def __init__(self, python: Path, redis_port: int, folder: Path) -> None:
        self._python = python
        self._redis_url = f"redis://127.0.0.1:{redis_port}"
        self._folder = folder
        self._commands: Mapping[Language, Callable[[str, int], Sequence[str]]] = {
            "python": self._uvicorn,
            "rust": lambda app, _port: [str(BUILT / "rust" / "release" / app)],
            "node": lambda app, _port: ["node", str(BUILT / "node" / f"{app}.mjs")],
        }

    @contextmanager
    def running(self, contender: Contender) -> Iterator[App]:
        """A started app that has answered; it is stopped at the end."""
        port = free_port()
        command = self._commands[contender.language](contender.app, port)
        helpers = str(ROOT / "clients" / "python" / "src")
        environment = {"REDIS_URL": self._redis_url, "PORT": str(port), "PYTHONPATH": helpers}
        log = self._folder / f"{contender.language}-{contender.app}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **environment}, stdout=output, stderr=output
            )
        try:
            eventually(lambda: process.poll() is not None or _answers(port), _START_DEADLINE_S)
            if process.poll() is not None:
                raise RuntimeError(f"it ended with {process.returncode}")
            yield App(process.pid, port)
        except Exception as failure:
            failure.add_note(f"{contender.title}, the end of its log:\n{log.read_text()[-2000:]}")
            raise
        finally:
            _stop(process)

    def _uvicorn(self, app: str, port: int) -> Sequence[str]:
        where = f"bench.http.python.{app}:app"
        words = ["--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
        return [str(self._python), "-m", "uvicorn", where, *words, "--log-level", "warning"]


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(URL.format(port=port), timeout=5) as response:
            return bool(json.load(response) == _ANSWER)
    except (urllib.error.URLError, http.client.HTTPException, OSError):
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
