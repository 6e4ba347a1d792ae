"""The module goes as docs/operations.md says, and the data stays."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

from support.paths import ROOT
from support.pool import NewServer
from support.resp import RawConnection, Status
from support.server import Server, ServerFailed

pytestmark = pytest.mark.all_servers

PERSISTENCE = {
    "RDB": {"save": "3600 1000000", "appendonly": "no"},
    "AOF": {"appendonly": "yes", "aof-use-rdb-preamble": "yes"},
    "AOF of commands": {"appendonly": "yes", "aof-use-rdb-preamble": "no"},
    "RDB and AOF": {"save": "3600 1000000", "appendonly": "yes"},
}


def steps() -> list[str]:
    """What is to be typed, step by step."""
    page = (ROOT / "docs" / "operations.md").read_text()
    section = page.split("\n## Remove\n")[1].split("\n## ")[0]
    return [textwrap.dedent(block) for block in re.findall(r"```sh\n(.*?)```", section, re.S)]


def type_in(server: Server, folder: Path, lines: str, database: int = 0) -> None:
    """Run the lines in a shell whose redis-cli is told the server's port and database."""
    program = shutil.which("redis-cli")
    assert program, "redis-cli is not there: run 'make setup'"
    folder.mkdir(exist_ok=True)
    shim = folder / "redis-cli"
    shim.write_text(f'#!/bin/sh\nexec {program} -p {server.port} -n {database} "$@"\n')
    shim.chmod(0o755)
    done = subprocess.run(
        ["sh", "-euc", lines],
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "REDISCLI_RCFILE": os.devnull},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def fill(raw: RawConnection) -> None:
    """Put in data of the server's and of the module's, in two databases."""
    raw("CONFIG", "SET", "ratelimit.top-size", 64)
    raw("RL.POLICY", "LOAD", '{"api": ["FIXED 5 1m"], "sms:1/x@y": ["LOG 3 1h", "LOG 10 1d"]}')
    for database in (0, 1):
        raw("SELECT", database)
        raw("SET", "plain", f"of {database}")
        raw("RPUSH", "a list", "x", "y")
        for key in ("k", "with space", 'it\'s "quoted"', "rl:{1}\t"):
            raw("RL.LIMIT", key, "POLICY", "sms:1/x@y", "FIXED", 5, "1h", "TOKEN", 5, 1, "1h")


def holds_the_rest(raw: RawConnection) -> None:
    """Check that what is not the module's is all there is, and as it was."""
    for database in (0, 1):
        raw("SELECT", database)
        assert raw("DBSIZE") == 2
        assert raw("GET", "plain") == f"of {database}".encode()
        assert raw("LRANGE", "a list", 0, -1) == [b"x", b"y"]


@pytest.mark.parametrize("kept_in", PERSISTENCE)
def test_the_module_goes_and_the_data_stays(
    new_server: NewServer, tmp_path: Path, kept_in: str
) -> None:
    delete, write_anew, back = steps()
    policies = tmp_path / "policies.json"
    policies.write_text('{"file": ["FIXED 5 1m"]}')
    config = {**PERSISTENCE[kept_in], "ratelimit.top-size": 32}
    server = new_server(config=config, module_args=["policies", str(policies)])
    with server.raw() as raw:
        fill(raw)
    # A start in between, since then there are files of the module's.
    server.restart()
    for database in (0, 1):
        type_in(server, tmp_path / "bin", delete, database)
    type_in(server, tmp_path / "bin", write_anew)
    server.stop()

    server.module, server.module_args = None, []
    del server.config["ratelimit.top-size"]
    server.config["appendonly"] = "yes"
    server.start()
    with server.raw() as raw:
        holds_the_rest(raw)
        assert raw("SET", "plain", "of 1") == Status("OK")
    type_in(server, tmp_path / "bin", back)
    server.stop()
    server.config["appendonly"] = "no"
    shutil.rmtree(server.folder / "appendonlydir")
    server.start()
    with server.raw() as raw:
        holds_the_rest(raw)


def test_with_what_the_module_left_a_server_does_not_start(new_server: NewServer) -> None:
    server = new_server(config={"save": "3600 1"})
    with server.raw() as raw:
        fill(raw)
        raw("SAVE")
    server.stop()
    server.module = None
    with pytest.raises(ServerFailed):
        server.start()
