"""Leases of a cluster's key, whose slot moves: by hand, and by the servers themselves."""

from __future__ import annotations

import pytest

from support.cluster import SLOTS, Cluster, keys_in
from support.eventually import eventually
from support.kinds import Kind
from support.resp import Failure
from support.server import Server
from support.slot_moves import move_slots
from support.verdicts import clauses, integers

pytestmark = [pytest.mark.all_servers, pytest.mark.timeout(600)]

SLOT = 42


@pytest.mark.parametrize("by_hand", [True, False], ids=["by hand", "by the servers"])
def test_a_slot_that_moves_takes_its_leases_along(
    kind: Kind, cluster: Cluster, by_hand: bool
) -> None:
    if not (by_hand or kind.moves_slots):
        pytest.skip(f"{kind.name} does not move slots by itself")
    source, target = cluster.owner(SLOT), cluster.owner(SLOTS - 1)
    [key] = keys_in([SLOT])
    for name in ("a", "b"):
        told = cluster.call("RL.LIMIT", key, "LEASE", 3, "1h", "FIXED", 9, "1h", "ID", name)
        assert clauses(told)[0] == 1
    assert integers(cluster.call("RL.LEASE", key, 3, "1ms", "short"))[0] == 1
    # Time runs in a cluster.
    eventually(lambda: integers(cluster.call("RL.LEASE", key, 3, "1h", "x", "COST", 0))[2] == 1)
    if by_hand:
        cluster.migrate_slot(SLOT, target, lambda: None)
    else:
        move_slots(source, target, range(SLOT, SLOT + 1))
    eventually(lambda: cluster.owner(SLOT) == target)
    assert cluster.call("RL.RENEW", key, "2h", "a", "b", "short") == 2
    assert integers(cluster.call("RL.LEASE", key, 3, "1h", "c"))[0] == 1
    assert integers(cluster.call("RL.LEASE", key, 3, "1h", "d"))[0] == 0
    # The one that ended is for the node to count on which it did: never for the other. A Redis that
    # moves slots by itself tells no module which keys go with them.
    counts = [0, 0] if not (by_hand or kind.is_valkey) else [1, 0]
    eventually(lambda: [ended(node) for node in (source, target)] == counts)
    assert cluster.call("RL.RELEASE", key, "a", "b", "c", "short") == 3


def ended(server: Server) -> int:
    """How many leases a node counts that ran out."""
    with server.raw() as raw:
        text = raw("INFO", "ratelimit")
    assert isinstance(text, bytes)
    return int(text.split(b"ratelimit_leases_ended:")[1].split()[0])


def test_places_of_two_slots_are_refused(cluster: Cluster) -> None:
    first, second = keys_in([SLOT, SLOT + 1])
    words = ("RL.ALL", first, "LEASE", 1, "1m", "AND", second, "LEASE", 1, "1m", "ID", "a")
    with cluster.owner(SLOT).raw() as raw:
        refused = raw(*words)
    assert isinstance(refused, Failure)
    assert refused.text.startswith("CROSSSLOT ")
