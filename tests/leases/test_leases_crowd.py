"""A hundred clients, of which some are killed, never hold more places than there are."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from support.eventually import eventually
from support.kinds import FLOOR, Kind
from support.lease_client import DURATION_MS, LIMIT
from support.paths import ROOT
from support.pool import NewServer
from support.verdicts import integers

pytestmark = pytest.mark.all_servers

PROGRAMS = 10
CLIENTS_EACH = 10
KILLED = 3
SECONDS = 4.0


def test_a_hundred_clients_of_which_some_are_killed(new_server: NewServer, kind: Kind) -> None:
    # The floor has no reading of the clock that scripts and modules share.
    late_ms = DURATION_MS // 2 if kind.name == FLOOR else 3
    server = new_server()
    server.clock.run()
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    programs = []
    for number in range(PROGRAMS):
        words = [server.port, number * CLIENTS_EACH, CLIENTS_EACH, SECONDS, late_ms]
        command = [sys.executable, "-m", "support.lease_client", *map(str, words)]
        programs.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        )
    try:
        with server.raw() as raw:
            eventually(lambda: isinstance(raw("RL.TOP"), list) and raw("RL.TOP") != [])
            # Places are refused: all have begun, or will while others are killed.
            time.sleep(SECONDS / 3)
            for program in programs[:KILLED]:
                program.kill()
            told = [program.communicate(timeout=120)[0].split("\n") for program in programs]
            lines = [line for each in told for line in each]
            assert lines.count("too many") == 0
            for each in told[KILLED:]:
                assert each.count("took") > 0, "one whose places were all lost to others"
            assert [program.returncode for program in programs[KILLED:]] == [0] * (
                PROGRAMS - KILLED
            )
            # Nobody is left; so every place is free once the last lease has ended.
            look = ("RL.LEASE", "{c}places", LIMIT, "1m", "x")
            eventually(lambda: integers(raw(*look, "COST", 0))[1:3] == [LIMIT, LIMIT])
            for holder in range(LIMIT):
                assert integers(raw(*look[:-1], holder))[0] == 1
            assert integers(raw(*look))[0] == 0
            info = raw("INFO", "ratelimit")
            assert isinstance(info, bytes)
            counts = dict(line.split(":") for line in info.decode().split() if ":" in line)
            assert int(counts["ratelimit_leases_ended"]) >= lines.count("left")
            assert int(counts["ratelimit_leases_released"]) > 0
    finally:
        for program in programs:
            program.kill()
            program.wait()
