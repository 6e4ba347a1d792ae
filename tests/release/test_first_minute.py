"""The first minute with a helper, as its README has it, to the letter, in an empty folder.

That of the module, the Debian package, the wheel with the module and the prebuilt files is among
the tests of each.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.paths import ROOT
from support.ports import free_port
from support.program import Program
from support.server import Server

DEADLINE_S = 60.0


def first_block(helper: str, language: str) -> str:
    """The first block of that language in a helper's README."""
    text = (ROOT / "clients" / helper / "README.md").read_text()
    found = re.search(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found, f"{helper}: no block of {language or 'lines to type'}"
    return found[1]


def clone(into: Path) -> Path:
    """What is committed, as `git clone` leaves it."""
    into.mkdir(parents=True)
    packed = subprocess.run(
        ["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, timeout=60, check=True
    )
    subprocess.run(["tar", "-x"], cwd=into, input=packed.stdout, timeout=60, check=True)
    return into


def type_in(folder: Path, lines: str, **environment: str) -> None:
    """Type lines into a shell that ends at the first that fails."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lines],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=540,
        check=False,
    )
    assert done.returncode == 0, f"{lines}\n{done.stdout}{done.stderr}"


@contextmanager
def running(
    folder: Path, command: list[str], port: int, environment: dict[str, str]
) -> Iterator[Program]:
    """An app, once it answers."""

    def answers() -> bool:
        return status(port, "/nothing-is-here") == 404

    app = Program(command, folder / "log", environment, folder)
    try:
        assert app.answers(answers, DEADLINE_S), app.log()
        yield app
    finally:
        app.stop(DEADLINE_S)


def status(port: int, path: str) -> int:
    """The status of a GET, 0 if nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_node(server: Server, tmp_path: Path) -> None:
    clone(tmp_path / "redis-rl")
    type_in(tmp_path, first_block("node", "sh"))
    port = free_port()
    app = first_block("node", "js").replace("localhost:6379", f"127.0.0.1:{server.port}")
    (tmp_path / "app.js").write_text(app.replace("listen(8000)", f"listen({port})"))
    with running(tmp_path, ["node", "app.js"], port, dict(os.environ)):
        assert [status(port, "/items") for _ in range(3)] == [200, 200, 429]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("way", ["from the clone", "from the wheel"])
def test_python(server: Server, tmp_path: Path, way: str) -> None:
    """Each of the two ways that the first block shows, with an empty line between them."""
    clone(tmp_path / "redis-rl")
    venv.create(tmp_path / "venv", with_pip=True)
    programs = f"{tmp_path}/venv/bin:{os.environ['PATH']}"
    direct, wheel = first_block("python", "").split("\n\n")
    lines = direct if way == "from the clone" else f"{wheel}\npip install uvicorn"
    here = tmp_path / "redis-rl"
    pinned = {"PIP_CONSTRAINT": str(ROOT / "tests" / "requirements.txt"), "PIP_QUIET": "1"}
    type_in(here, lines.replace("/absolute/path/to", str(here)), PATH=programs, **pinned)

    app = tmp_path / "app"
    app.mkdir()
    code = first_block("python", "python").replace("localhost:6379", f"127.0.0.1:{server.port}")
    (app / "app.py").write_text(code)
    port = free_port()
    words = [str(tmp_path / "venv" / "bin" / "uvicorn"), "app:app", "--port", str(port)]
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with running(app, words, port, bare):
        assert [status(port, "/items") for _ in range(3)] == [200, 200, 429]
