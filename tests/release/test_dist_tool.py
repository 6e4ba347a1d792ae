"""The program redis-rl that `make dist` builds runs where it says, and needs nothing else there."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

import dist
import foreign_servers
import version
from support import binary, elf
from support.eventually import eventually
from support.server import Server

ASKED = [name for name in os.environ.get("RL_DIST", "").split() if name.endswith("-tool")]
PROCESSORS = {"x86_64": "Advanced Micro Devices X86-64", "aarch64": "AArch64"}
DEADLINE_S = 120.0
COMMANDS = ("replay", "watch", "export", "policies", "policies apply", "policies diff", "generate")

pytestmark = [
    pytest.mark.skipif(not ASKED, reason="these are tested by 'make test-dist'"),
    pytest.mark.timeout(10 * DEADLINE_S),
]


@pytest.fixture(params=ASKED)
def name(request: pytest.FixtureRequest) -> str:
    """The kind of machine that a file is for."""
    asked: str = request.param
    return asked


@pytest.fixture
def file(name: str) -> Path:
    """The file under test."""
    return dist.file_for(name)


def run(name: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the program, under qemu where it is for another processor; it finds no variables."""
    file = dist.file_for(name)
    emulator = [] if foreign_servers.is_native(name) else [f"qemu-{name.split('-')[0]}"]
    return subprocess.run(
        [*emulator, file, *words],
        env={"PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


def test_it_is_for_that_processor_and_needs_no_library(name: str, file: Path) -> None:
    assert elf.machine(file) == PROCESSORS[name.split("-")[0]]
    assert elf.needed(file) == set()
    assert "INTERP" not in elf.segments(file)


def test_it_is_hardened(file: Path) -> None:
    """As far as zig links a program that needs no library: at an address that does not change."""
    segments = elf.segments(file)
    assert segments["GNU_STACK"] == "RW"
    assert segments["GNU_RELRO"] == "R"


def test_it_tells_nothing_of_the_machine_that_built_it(file: Path) -> None:
    binary.assert_tells_nothing_of_this_machine(file)


def test_it_tells_its_version_and_helps(name: str) -> None:
    assert run(name, "--version").stdout == f"redis-rl {version.told(version.SOURCE)}\n"
    for command in COMMANDS:
        told = run(name, *command.split(), "--help")
        assert told.returncode == 0, told.stderr
        assert f"Usage: {dist.file_for(name).name} {command}" in told.stdout


def test_it_replays_a_log(name: str, tmp_path: Path) -> None:
    line = '192.0.2.{} - - [17/Mar/2026:10:00:0{} +0000] "GET / HTTP/1.1" 200 5 "-" "-"\n'
    log = tmp_path / "access.log"
    log.write_text("".join(line.format(1, second) for second in range(5)) + line.format(2, 9))
    told = run(name, "replay", log, "--limit", "2/minute", "--html", tmp_path / "page.html")
    assert told.returncode == 0, told.stderr
    assert "refuses 3 of 6 requests (50%), and 1 of 2 clients (50%)" in told.stdout
    assert "</html>" in (tmp_path / "page.html").read_text()


def test_it_talks_to_a_server(name: str, server: Server, tmp_path: Path) -> None:
    policies = tmp_path / "policies.json"
    policies.write_text(json.dumps({"api": ["FIXED 100 60"]}))
    url = f"redis://127.0.0.1:{server.port}"
    assert run(name, "policies", "diff", policies, url).returncode == 1
    # A busy machine may keep it from asking in time.
    eventually(lambda: run(name, "policies", "apply", policies, url).returncode == 0, DEADLINE_S)
    eventually(lambda: run(name, "policies", "diff", policies, url).returncode == 0, DEADLINE_S)
    with server.raw() as raw:
        assert raw("RL.POLICY", "DEL", "api") == 1
