"""On what it was measured."""

from __future__ import annotations

import datetime
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from support import replication
from support.server import Server


def about(server: Server) -> Mapping[str, str]:
    """The machine and the programs, by names that a reader knows."""
    return {**machine(server), "callgrind": _valgrind_version()}


def machine(server: Server) -> Mapping[str, str]:
    """The machine, how busy it is, and the server with its module."""
    with server.client() as client:
        told = replication.info(client, "server")
        version = client.execute_command("RL.VERSION")
    valkey = told.get("valkey_version")
    cores = len(os.sched_getaffinity(0))
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "module": f"redis-rl {version.decode()}",
        "server": f"Valkey {valkey}" if valkey else f"Redis {told['redis_version']}",
        "cpu": f"{_cpu_model()}, {cores} cores",
        "kernel": f"{platform.system()} {platform.release()}",
        "load_before": f"{os.getloadavg()[0]:.1f}",
    }


def _cpu_model() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found.group(1) if found else platform.machine()


def _valgrind_version() -> str:
    done = subprocess.run(["valgrind", "--version"], capture_output=True, text=True, check=True)
    return done.stdout.strip()
