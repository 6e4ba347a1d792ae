"""The first minute, as each README has it, to the letter, in an empty folder.

That with a prebuilt file, the Rust helper, the Debian package and the wheel with the module is
among the tests of each.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.first_minute import (
    STARTED_S,
    TYPED_S,
    assert_refuses_after,
    clone,
    first_block,
    status,
    type_in,
)
from support.kinds import Kind
from support.paths import ROOT
from support.ports import free_port
from support.program import Program
from support.server import Server

# Only a test that hangs takes so long: what is installed takes a minute where nobody else works.
pytestmark = pytest.mark.timeout(3 * TYPED_S)


@contextmanager
def running(
    folder: Path, command: list[str], port: int, environment: dict[str, str]
) -> Iterator[Program]:
    """An app, once it answers."""

    def answers() -> bool:
        return status(port, "/nothing-is-here") == 404

    app = Program(command, folder / "log", environment, folder)
    try:
        assert app.answers(answers, STARTED_S), app.log()
        yield app
    finally:
        app.stop(STARTED_S)


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_node(server: Server, tmp_path: Path) -> None:
    clone(tmp_path / "redis-rl")
    type_in(tmp_path, first_block("clients/node/README.md", "sh"))
    port = free_port()
    app = first_block("clients/node/README.md", "js")
    app = app.replace("localhost:6379", f"127.0.0.1:{server.port}")
    (tmp_path / "app.js").write_text(app.replace("listen(8000)", f"listen({port})"))
    with running(tmp_path, ["node", "app.js"], port, dict(os.environ)):
        assert_refuses_after(2, lambda: status(port, "/items"))


@pytest.mark.parametrize("way", ["from the clone", "from the wheel"])
def test_python(server: Server, tmp_path: Path, way: str) -> None:
    """Each of the two ways that the first block shows, with an empty line between them."""
    clone(tmp_path / "redis-rl")
    venv.create(tmp_path / "venv", with_pip=True)
    programs = f"{tmp_path}/venv/bin:{os.environ['PATH']}"
    direct, wheel = first_block("clients/python/README.md", "").split("\n\n")
    lines = direct if way == "from the clone" else f"{wheel}\npip install uvicorn"
    here = tmp_path / "redis-rl"
    pinned = {"PIP_CONSTRAINT": str(ROOT / "tests" / "requirements.txt"), "PIP_QUIET": "1"}
    type_in(here, lines.replace("/absolute/path/to", str(here)), PATH=programs, **pinned)

    app = tmp_path / "app"
    app.mkdir()
    code = first_block("clients/python/README.md", "python")
    (app / "app.py").write_text(code.replace("localhost:6379", f"127.0.0.1:{server.port}"))
    port = free_port()
    words = [str(tmp_path / "venv" / "bin" / "uvicorn"), "app:app", "--port", str(port)]
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with running(app, words, port, bare):
        assert_refuses_after(2, lambda: status(port, "/items"))


def test_make_run(kind: Kind, tmp_path: Path) -> None:
    """With the module that was built already; what it prints to paste is pasted."""
    [command] = re.findall(
        r"^(make run) +build the module and start", (ROOT / "README.md").read_text(), re.M
    )
    port = free_port()
    words = [*shlex.split(command), "--no-print-directory", "--old-file=build"]
    outer = {"MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "MAKELEVEL"}
    bare = {name: value for name, value in os.environ.items() if name not in outer}
    bare |= {"PORT": str(port), "SERVER": str(kind.launcher)}
    run = Program(words, tmp_path / "log", bare, ROOT)
    try:
        assert run.answers(lambda: "Ctrl-C stops it" in run.log(), STARTED_S), run.log()
        lines = re.findall(r"^  (redis-cli .+)$", run.log(), re.M)
        told = [type_in(tmp_path, line).split() for line in lines]
        # The last number of each limit is when it is as if never used.
        assert told == [
            ["1", "10", "9", "0", "200"],
            ["1", "5", "4", "0", "60000"],
            ["1", *("1", "10", "9", "0", "200"), *("1", "1000", "999", "0", "3600000")],
        ]
        type_in(tmp_path, f"redis-cli -p {port} SHUTDOWN NOSAVE || true")
        assert run.ended(STARTED_S) == 0, run.log()
    finally:
        run.kill()
