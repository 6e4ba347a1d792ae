"""`make cluster`: what it starts, what it prints, what it leaves."""

from __future__ import annotations

import os
import random
import signal
import subprocess

import pytest

from support.kinds import Kind
from support.paths import ROOT
from support.ports import claim, give_back, is_free

pytestmark = [pytest.mark.all_servers, pytest.mark.timeout(600)]

SCRIPT = ROOT / "scripts" / "cluster.sh"


def ports(base: int) -> list[int]:
    """The ports of the nodes, and those on which they talk to one another."""
    return [port + up for port in range(base, base + 6) for up in (0, 10_000)]


def free_base() -> int:
    for _ in range(100):
        base = random.randrange(11_000, 22_000)
        claimed = [port for port in ports(base) if claim(port)]
        if len(claimed) == len(ports(base)):
            return base
        give_back(*claimed)
    raise OSError("no six free ports in a row")


def start(kind: Kind, base: int | str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [SCRIPT],
        env={**os.environ, "BASE_PORT": str(base), "SERVER": str(kind.launcher)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_it_prints_lines_that_work_and_ends_all_nodes_on_ctrl_c(kind: Kind) -> None:
    base = free_base()
    cluster = start(kind, base)
    try:
        assert cluster.stdout is not None
        printed = []
        for line in cluster.stdout:
            printed.append(line.strip())
            if line.startswith("Logs are in"):
                break
        pasted = [line.split() for line in printed if line.startswith("redis-cli")]
        assert len(pasted) == 3, printed
        told = [subprocess.check_output(words, text=True, timeout=60) for words in pasted]
        assert told[0].split() == ["1", "10", "9", "0", "200"]
        assert told[1].split() == [
            "1",
            "1",
            "10",
            "9",
            "0",
            "200",
            "1",
            "1000",
            "999",
            "0",
            "3600000",
        ]
        assert told[2].count("master") == told[2].count("slave") == 3

        second = start(kind, base)
        complaint, _ = second.communicate(timeout=60)
        assert second.returncode == 1
        assert complaint.startswith(f"Port {base} is in use")

        os.killpg(cluster.pid, signal.SIGINT)
        assert cluster.wait(60) == 0
        assert all(map(is_free, ports(base)))
    finally:
        if cluster.poll() is None:
            os.killpg(cluster.pid, signal.SIGKILL)
            cluster.wait()


@pytest.mark.parametrize("base", ["0", "x", "55531", "-1"])
def test_it_says_what_a_base_port_may_be(kind: Kind, base: str) -> None:
    refused = start(kind, base)
    complaint, _ = refused.communicate(timeout=60)
    assert refused.returncode == 1
    assert complaint == f"BASE_PORT must be a number from 1 to 55530, not '{base}'.\n"
