"""Many clients at once: exactly as many pass as the limit says."""

from __future__ import annotations

import threading

import pytest

from support.resp import RawConnection
from support.server import Server

CLIENTS = 16
CALLS = 125
LIMIT = 1_000
"""Half of what is asked for; the clock stands still, so nothing comes back."""

COMMANDS = {
    "FIXED": "RL.FIXED k 1000 1h",
    "SLIDING": "RL.SLIDING k 1000 1h",
    "LOG": "RL.LOG k 1000 1h",
    "TOKEN": "RL.TOKEN k 1000 1 1h",
    "LEAKY": "RL.LEAKY k 1000 1 1h",
    "LIMIT": "RL.LIMIT k FIXED 2000 1h LOG 1000 1h TOKEN 1500 1 1h",
    "ALL": "RL.ALL a FIXED 2000 1h AND k LOG 1000 1h TOKEN 1500 1 1h AND b LEAKY 1800 1 1h",
    "THROTTLE": "RL.THROTTLE k 999 1 3600",
    "CELL": "CL.THROTTLE k 999 1 3600",
}


def passes(server: Server, command: str, pipelined: bool) -> list[int]:
    """How many calls of each client passed, all of them calling at once."""
    words = command.split()
    passing = 0 if "THROTTLE" in command else 1
    together = threading.Barrier(CLIENTS)
    passed = [0] * CLIENTS

    def run(index: int, connection: RawConnection) -> None:
        together.wait()
        replies = (
            connection.pipeline([words] * CALLS)
            if pipelined
            else [connection(*words) for _ in range(CALLS)]
        )
        passed[index] = sum(isinstance(reply, list) and reply[0] == passing for reply in replies)

    connections = [server.raw() for _ in range(CLIENTS)]
    threads = [
        threading.Thread(target=run, args=(index, connection))
        for index, connection in enumerate(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for connection in connections:
        connection.close()
    return passed


@pytest.mark.parametrize("pipelined", [False, True], ids=["one by one", "pipelined"])
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_exactly_the_limit_passes(server: Server, command: str, pipelined: bool) -> None:
    passed = passes(server, command, pipelined)
    assert sum(passed) == LIMIT
    assert sum(count > 0 for count in passed) > 1, "one client at a time is no test"


def test_the_limits_of_one_key_do_not_mix(server: Server) -> None:
    commands = [COMMANDS[name] for name in ("FIXED", "SLIDING", "LOG", "TOKEN", "LEAKY")]
    replies = []

    def run(command: str) -> None:
        with server.raw() as connection:
            replies.append(connection.pipeline([command.split()] * (LIMIT + 100)))

    threads = [threading.Thread(target=run, args=(command,)) for command in commands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(replies) == len(commands)
    for each in replies:
        assert sum(isinstance(reply, list) and reply[0] == 1 for reply in each) == LIMIT
