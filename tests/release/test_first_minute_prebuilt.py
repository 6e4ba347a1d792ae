"""The first minute with a file of `make dist`, as the README has it, to the letter."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

import dist
from support.first_minute import STARTED_S, blocks, first_block, programs, shell, type_in
from support.kinds import Kind
from support.ports import free_port
from support.program import Program

NAME = f"{platform.machine()}-gnu"
pytestmark = pytest.mark.timeout(4 * STARTED_S)


@pytest.fixture
def download(tmp_path: Path) -> Path:
    """A folder with what was downloaded: no server has written it, and nothing is executable."""
    if NAME not in os.environ.get("RL_DIST", "").split():
        pytest.skip("this is tested by 'make test-dist'")
    folder = tmp_path / "download"
    folder.mkdir()
    for file in (dist.file_for(NAME), dist.DIST / "SHA256SUMS"):
        shutil.copyfile(file, folder / file.name)
        (folder / file.name).chmod(0o644)
    return folder


@pytest.fixture
def port(download: Path) -> int:
    """Where the server of the reader's own configuration listens."""
    port = free_port()
    (download / "redis.conf").write_text(f'port {port}\nbind 127.0.0.1\nsave ""\n')
    return port


@pytest.fixture
def variables(kind: Kind, port: int, tmp_path: Path) -> Mapping[str, str]:
    """Those of a shell with the server, and a redis-cli that asks it."""
    cli = f"{shutil.which('redis-cli')} -p {port}"
    return programs(tmp_path / "bin", redis_server=str(kind.launcher), redis_cli=cli)


def answers(download: Path, variables: Mapping[str, str]) -> bool:
    """Whether the server can be asked."""
    command = ["redis-cli", "PING"]
    environment = {**os.environ, **variables}
    done = subprocess.run(
        command, cwd=download, env=environment, capture_output=True, timeout=STARTED_S, check=False
    )
    return done.stdout == b"PONG\n"


@pytest.mark.all_servers
def test_a_prebuilt_file_in_a_configuration(download: Path, variables: Mapping[str, str]) -> None:
    start, ask = blocks("README.md", "sh")
    log = download / "log"
    server = Program(shell(start), log, {**os.environ, **variables}, download)
    try:
        assert server.answers(lambda: answers(download, variables), STARTED_S), server.log()
        assert f"{dist.file_for(NAME).name}: OK" in server.log()
        assert type_in(download, ask, **variables).split() == ["1", "5", "4", "0", "60000"]
        type_in(download, "redis-cli SHUTDOWN NOSAVE || true", **variables)
        assert server.ended(STARTED_S) == 0, server.log()
    finally:
        server.kill()


def test_a_file_that_was_changed_is_not_loaded(
    download: Path, variables: Mapping[str, str]
) -> None:
    with (download / dist.file_for(NAME).name).open("ab") as file:
        file.write(b"\0")
    done = subprocess.run(
        shell(first_block("README.md", "sh")),
        cwd=download,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=STARTED_S,
        check=False,
    )
    assert done.returncode != 0
    assert f"{dist.file_for(NAME).name}: FAILED" in done.stdout
    assert "loadmodule" not in (download / "redis.conf").read_text()
