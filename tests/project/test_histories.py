"""The random histories, on which much else relies, reach all that they are there for."""

from __future__ import annotations

from support.histories import History
from support.pool import NewServer
from support.replication import calls
from support.told import told

REACHED = (
    *("repeats", "settled_less", "settled_more", "settled_unknown"),
    *("leases_released", "leases_ended", "shadow_allowed", "shadow_denied", "bans_started"),
    *("decisions_allowed", "decisions_denied"),
)
SPOKEN = (
    *("rl.fixed", "rl.sliding", "rl.log", "rl.token", "rl.leaky", "rl.limit", "rl.all"),
    *("rl.settle", "rl.lease", "rl.renew", "rl.release", "rl.throttle", "cl.throttle"),
)


def test_a_history_speaks_all_words_and_reaches_all_counts(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        History(seed=1).play(raw, [server.clock], 3_000)
        counts = told(raw)
    assert {name: counts[name] for name in REACHED if counts[name] < 5} == {}
    spoken = calls(server.client())
    assert {name for name in SPOKEN if spoken.get(name, 0) < 5} == set()


def test_the_same_seed_is_the_same_history() -> None:
    assert [*History(7).calls(500)] == [*History(7).calls(500)]
