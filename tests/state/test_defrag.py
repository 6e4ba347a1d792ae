"""Values survive active defragmentation, on servers that can do it.

What the callback does is also shown without a server, by the module's own unit tests.
"""

from __future__ import annotations

import pytest

from support import payload, replication
from support.eventually import eventually
from support.histories import HOUR_MS, History, state
from support.pool import NewServer
from support.resp import Failure, Status

pytestmark = pytest.mark.all_servers


def test_values_survive_active_defragmentation(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as connection:
        refused = connection("CONFIG", "SET", "activedefrag", "yes")
        if isinstance(refused, Failure):
            pytest.skip(f"{server.kind.name}: {refused.text}")
        connection("CONFIG", "SET", "activedefrag", "no")
        History(seed=1).play(connection, [server.clock], 300)
        now_ms = server.clock.now_ms()
        logs = (payload.long_log(entries, now_ms) for entries in (10, 1_000, 100_000))
        for number, log in enumerate(logs):
            effect = payload.effect_of_state(log, now_ms + 24 * HOUR_MS)
            assert connection("RL.APPLY", f"log:{number}", effect) == Status("OK")
        # Every other of many small keys is deleted: what is left stands badly.
        connection.pipeline([["RL.TOKEN", f"k:{i}", 9, 1, "1h"] for i in range(60_000)])
        connection.pipeline([["DEL", f"k:{i}"] for i in range(0, 60_000, 2)])
        kept = state(server)
        for name, value in (
            ("active-defrag-ignore-bytes", 1),
            ("active-defrag-threshold-lower", 0),
            ("active-defrag-cycle-min", 60),
            ("active-defrag-cycle-max", 75),
            ("activedefrag", "yes"),
        ):
            assert connection("CONFIG", "SET", name, value) == Status("OK")
        moved = "active_defrag_key_hits"
        eventually(lambda: replication.info(server.client(), "stats")[moved] > 10_000, 120.0)
        connection("CONFIG", "SET", "activedefrag", "no")
        assert state(server) == kept
        for number in range(3):
            assert connection("RL.LOG", f"log:{number}", 1_000_000, "1d") is not None
