"""In a real cluster: primaries that are killed, or that hand over, under load."""

from __future__ import annotations

from functools import partial

import pytest

from support.cluster import (
    DEADLINE_S,
    PRIMARIES,
    Cluster,
    Load,
    asked,
    held,
    holds,
    keys_in,
    of_all,
    role_of,
    used,
)
from support.eventually import eventually
from support.resp import Failure, RawConnection
from support.verdicts import clauses, integers
from support.writers import Writers

pytestmark = [pytest.mark.all_servers, pytest.mark.timeout(600)]

PLENTY = 10**6
WAIT_MS = 30_000
"""Only a fault takes so long to be acknowledged."""


def test_a_killed_primary_forgets_nothing_that_wait_acknowledged(cluster: Cluster) -> None:
    primary, replica = cluster.nodes[0], cluster.nodes[PRIMARIES]
    steady, loaded = keys_in([1, 2], "k")
    sent = acknowledged = 0

    def charge(connection: RawConnection, _turn: int) -> None:
        nonlocal sent, acknowledged
        sent += 1
        reply = connection(*of_all(loaded, PLENTY))
        assert clauses(reply)[0] == 1
        if connection("WAIT", 1, WAIT_MS) == 1:
            acknowledged += 1

    with primary.raw() as connection:
        assert clauses(connection(*of_all(steady, 10), "COST", 7))[0] == 1
        assert connection("WAIT", 1, WAIT_MS) == 1
    state = held(primary, steady)
    with Writers(primary, charge) as writers:
        writers.wait_for(50)
        primary.kill9()
    cluster.wait_for_takeover(replica)

    assert acknowledged >= 50
    kept = used(replica, loaded, PLENTY)
    assert len(set(kept)) == 1, "a call was kept in part"
    assert acknowledged <= kept[0] <= sent
    assert held(replica, steady) == state
    assert clauses(cluster.call(*of_all(steady, 10), "COST", 4))[0] == 0
    assert clauses(cluster.call(*of_all(steady, 10), "COST", 3))[0] == 1
    assert clauses(cluster.call(*of_all(steady, 10)))[0] == 0

    # The one that was killed comes back with nothing, as a replica, and gets it all.
    primary.start()
    eventually(lambda: role_of(primary) == b"slave", DEADLINE_S)
    cluster.wait_until_whole()
    for key in (steady, loaded):
        eventually(partial(holds, primary, key, held(replica, key)))


def test_a_primary_that_hands_over_under_load_loses_no_count(cluster: Cluster) -> None:
    primary, replica = cluster.nodes[0], cluster.nodes[PRIMARIES]
    counted, ending = keys_in([1, 2], "k")
    with Load(cluster, [of_all(counted, PLENTY), of_all(ending, 120)]) as load:
        for old, new in ((primary, replica), (replica, primary)):
            load.wait_for(20)
            cluster.hand_over(new)
            assert asked(old, "ROLE")[0] == b"slave"
        eventually(lambda: load.allowed[counted] > 120, DEADLINE_S)
        load.wait_for(5)
    assert used(primary, counted, PLENTY) == [load.allowed[counted]] * 5
    assert used(primary, ending, 120) == [120] * 5
    assert load.allowed[ending] == 120
    for key in (counted, ending):
        eventually(partial(holds, replica, key, held(primary, key)))


def test_a_primary_without_enough_replicas_charges_nobody(cluster: Cluster) -> None:
    primary, replica = cluster.nodes[0], cluster.nodes[PRIMARIES]
    key = keys_in([1])[0]
    with primary.raw() as connection:
        assert integers(connection("RL.FIXED", key, 3, "1d"))[:3] == [1, 3, 2]
        assert connection("WAIT", 1, WAIT_MS) == 1
        connection("CONFIG", "SET", "min-replicas-to-write", 1)
        assert integers(connection("RL.FIXED", key, 3, "1d"))[:3] == [1, 3, 1]
        state = held(primary, key)
        replica.kill9()

        def refused() -> bool:
            reply = connection("RL.FIXED", key, 3, "1d", "COST", 0)
            return isinstance(reply, Failure) and reply.text.startswith("NOREPLICAS")

        eventually(refused)
        assert isinstance(connection("RL.FIXED", key, 3, "1d"), Failure)
        assert used(primary, key, 3) == [2]
        assert held(primary, key) == state


def test_full_memory_is_seen_as_elsewhere(cluster: Cluster) -> None:
    primary = cluster.nodes[0]
    old, new = keys_in([1, 2])
    with primary.raw() as connection:
        assert integers(connection("RL.FIXED", old, 3, "1d"))[:3] == [1, 3, 2]
        connection("CONFIG", "SET", "maxmemory", 1)
        assert integers(connection("RL.FIXED", old, 3, "1d"))[:3] == [1, 3, 1]
        refused = connection("RL.FIXED", new, 3, "1d")
        assert isinstance(refused, Failure)
        assert refused.text.startswith("OOM")
        assert connection("EXISTS", new) == 0
