"""A server that crashes within the module ends, with its report, as it would without it."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

from support import replication
from support.crash import Crash
from support.eventually import eventually
from support.pool import NewServer
from support.resp import Argument, RawConnection, encode
from support.server import Server

pytestmark = pytest.mark.all_servers

NAME = b"this-name-is-the-end"
JSON = b'{"' + NAME
"""How all policies begin. There are enough for the text to grow while it is written."""
CLAUSES = [word for days in range(1, 17) for word in ("FIXED", 1, f"{days}d")]
# The report's test of all memory takes long, and is not about the module.
CONFIG = {"crash-memcheck-enabled": "no"}
WHERE: dict[str, tuple[list[Argument], bytes]] = {
    "RL.POLICY LIST": (["RL.POLICY", "LIST"], NAME),
    "RL.POLICY DUMP": (["RL.POLICY", "DUMP"], JSON),
    "RL.TOP": (["RL.TOP"], NAME),
    "INFO": (["INFO", "ratelimit"], b"policy_" + NAME + b"_denied"),
    "SAVE": (["SAVE"], JSON),
}


def threatened(new_server: NewServer, crash: Crash) -> Server:
    """Start a server with a policy and a denied key, which crashes where it is told to."""
    server = new_server(clock=None, environment=crash.environment(), config=CONFIG)
    with server.raw() as raw:
        raw("RL.POLICY", "SET", NAME, *CLAUSES)
        assert raw("RL.FIXED", NAME, 0, 1) == [0, 0, 0, -1, 0]
    return server


def need_a_copy(server: Server, command: str) -> None:
    """Skip where nothing that is seen copies policies on their way to this command's file."""
    if server.kind.is_valkey and command in {"SAVE", "BGSAVE"}:
        pytest.skip("its modules call libc itself, and it writes RDB files without a copy")


def assert_whole(report: str) -> None:
    """The report has what the module tells there, to the last field, and no policies."""
    report = report[report.index("BUG REPORT START") :]
    assert "ratelimit_decisions_denied:" in report
    assert "ratelimit_effects_unheard:" in report
    assert "ratelimit_policies:" not in report
    assert "BUG REPORT END" in report


@pytest.mark.parametrize("where", WHERE)
def test_it_ends(new_server: NewServer, tmp_path: Path, where: str) -> None:
    command, text = WHERE[where]
    crash = Crash(tmp_path / "crash")
    server = threatened(new_server, crash)
    need_a_copy(server, where)
    with RawConnection(server.port) as raw:
        crash.at(text)
        raw.send(encode(command))
        assert_whole(server.wait_for_crash())


STATUS = {"BGSAVE": "rdb_last_bgsave_status", "BGREWRITEAOF": "aof_last_bgrewrite_status"}


@pytest.mark.parametrize("command", STATUS)
def test_a_child_ends(new_server: NewServer, tmp_path: Path, command: str) -> None:
    crash = Crash(tmp_path / "crash")
    server = threatened(new_server, crash)
    need_a_copy(server, command)

    def told() -> dict[str, object]:
        return replication.info(server.client(), "persistence")

    with server.raw() as raw:
        raw("CONFIG", "SET", "aof-use-rdb-preamble", "no")
        crash.at(JSON)
        raw(command)
        eventually(lambda: told()[STATUS[command]] == "err")
        # Its parent goes on.
        assert raw("RL.POLICY", "LIST") == [NAME]
    assert "BUG REPORT START" in server.put_log_aside()


def test_it_ends_when_there_is_no_memory(new_server: NewServer) -> None:
    """The answer of RL.POLICY DUMP does not fit."""
    server = new_server(config=CONFIG)
    clauses = [f"LOG 1000000 {31_622_399_999 - each}ms" for each in range(16)]
    with server.raw() as raw:
        for part in range(4):
            many = {f"{part}-{each:055}": clauses for each in range(1024)}
            raw("RL.POLICY", "LOAD", json.dumps(many))
    size = int(Path(f"/proc/{server.pid}/statm").read_text().split()[0]) * resource.getpagesize()
    resource.prlimit(server.pid, resource.RLIMIT_AS, (size, size))
    with server.raw() as raw:
        raw.send(encode(["RL.POLICY", "DUMP"]) * 100)
        report = server.wait_for_crash()
    # Whether there is memory for the whole report is the server's affair.
    assert "OUT OF MEMORY" in report.upper()
