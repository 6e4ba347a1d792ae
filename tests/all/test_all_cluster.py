"""RL.ALL in a real cluster: keys of one slot, which are charged together wherever the slot is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from redis.exceptions import ClusterError

from support.cluster import (
    DEADLINE_S,
    PRIMARIES,
    SLOTS,
    Cluster,
    asked,
    held,
    holds,
    role_of,
    tags,
)
from support.eventually import eventually
from support.kinds import Kind
from support.resp import Argument, Failure, RawConnection, Status
from support.server import Server
from support.slot_moves import begin_to_move_and_give_up, move_slots
from support.verdicts import clauses, rows
from support.workers import Worker, Workers

pytestmark = [pytest.mark.all_servers, pytest.mark.timeout(600)]

PLENTY = 10**6


def keys_of(slot: int, *names: str) -> list[str]:
    """Keys of a slot."""
    return [f"{{{tags()[slot]}}}{name}" for name in names]


def call(keys: list[str], limit: int = PLENTY, ending: str = "") -> list[Argument]:
    """A call that charges each key once, by each of two limiters."""
    line = " AND ".join(f"{key} FIXED {limit} 5d TOKEN {limit} 1 5d" for key in keys)
    return ["RL.ALL", *f"{line} {ending}".split()]


def used(node: Server, keys: list[str], limit: int = PLENTY) -> list[int]:
    """What is used of all limiters at all keys."""
    found = []
    with node.raw() as connection:
        connection("READONLY")
        for key in keys:
            peeked = rows(connection("RL.PEEK", key))
            found += [limit - int(str(row[4])) for row in peeked] or [0]
    return found


def test_keys_of_two_slots_are_refused_and_those_of_one_are_not(cluster: Cluster) -> None:
    here, there = keys_of(100, "a", "b"), keys_of(101, "a")
    for node in cluster.nodes[:PRIMARIES]:
        with node.raw() as connection:
            for keys in ([here[0], there[0]], [*here, there[0]], [there[0], *here]):
                reply = connection(*call(keys))
                assert isinstance(reply, Failure)
                assert reply.text.startswith("CROSSSLOT "), reply
                # The last key decides as well as the first, whatever is wrong with the numbers.
                reply = connection(*(word if word != "5d" else "x" for word in call(keys)))
                assert isinstance(reply, Failure)
                assert reply.text.startswith("CROSSSLOT "), reply
            script = "return redis.pcall('RL.ALL', unpack(ARGV))"
            reply = connection("EVAL", script, 0, *call([here[0], there[0]])[1:])
            assert isinstance(reply, Failure)
            assert any(word in reply.text for word in ("slot", "non local key")), reply
        assert node.client().dbsize() == 0
    with cluster.owner(100).raw() as connection:
        assert clauses(connection(*call(here)))[0] == 1
    assert used(cluster.owner(100), here) == [1] * 4


def test_another_node_is_named_where_the_keys_are(cluster: Cluster) -> None:
    keys = keys_of(7, "a", "b")
    primary, replica = cluster.nodes[0], cluster.nodes[PRIMARIES]
    moved = Failure(f"MOVED 7 127.0.0.1:{primary.port}")
    for node in (*cluster.nodes[1:PRIMARIES], replica):
        with node.raw() as connection:
            assert connection(*call(keys)) == moved
            assert connection("READONLY") == Status("OK")
            assert connection(*call(keys)) == moved
    assert used(primary, keys) == [0, 0]


def test_a_client_of_clusters_finds_the_node(cluster: Cluster) -> None:
    client = cluster.client()
    for slot in range(0, SLOTS, SLOTS // 16):
        reply = client.execute_command(*call(keys_of(slot, "a", "b", "c")))
        assert reply[0] == 1
    assert cluster.errors("MOVED") == 0, "the client had to be told where a key is"


def test_while_only_some_keys_have_moved_nothing_is_charged(cluster: Cluster) -> None:
    source, target = cluster.owner(42), cluster.owner(SLOTS - 1)
    keys = keys_of(42, "a", "b")
    again = Failure("TRYAGAIN Multiple keys request during rehashing of slot")
    asking = Failure(f"ASK 42 127.0.0.1:{target.port}")
    with source.raw() as here, target.raw() as there:
        assert clauses(here(*call(keys, 10, "ID x KEEP 1h")))[0] == 1

        def answer() -> list[object]:
            """What both nodes say to the call, the second one being asked to take it."""
            there("ASKING")
            return [here(*call(keys, 10)), there(*call(keys, 10))]

        stages: list[list[object]] = []
        cluster.migrate_slot(42, target, lambda: stages.append(answer()))
        before, between, after = stages
        # Nothing has moved, and the call is made where the keys are.
        assert isinstance(before[0], list)
        assert before[0][0] == 1
        assert before[1] == again
        # One key is here and one is there.
        assert between == [again, again]
        assert after[0] == asking
        assert isinstance(after[1], list)
        assert after[1][0] == 1
        assert used(target, keys, 10) == [3] * 4
        # A retry of the first call, before all this, is one still.
        assert clauses(there(*call(keys, 10, "ID x")))[0] == 1
        assert used(target, keys, 10) == [3] * 4


class Load(Workers):
    """Clients that call for several sets of keys, and count what they were told is allowed.

    Redirections are the client's business. While only some keys of a call have moved, it is to be
    tried again.
    """

    def __init__(self, cluster: Cluster, sets: list[list[str]], limit: int = PLENTY) -> None:
        self.allowed: Counter[str] = Counter()
        super().__init__(*(self._calling(cluster, keys, limit) for keys in sets))

    def wait_for_more(self, key: str) -> None:
        """Wait until some more calls were allowed whose first key it is."""
        goal = self.allowed[key] + 3
        eventually(lambda: self.allowed[key] >= goal, DEADLINE_S)

    def _calling(self, cluster: Cluster, keys: list[str], limit: int) -> Worker:
        with cluster.client() as client:
            while True:
                # After some attempts it gives up, and the call was not made.
                with suppress(ClusterError):
                    reply = client.execute_command(*call(keys, limit))
                    self.allowed[keys[0]] += reply[0]
                yield


def by_hand(cluster: Cluster, load: Load, target: Server) -> None:
    """Move each slot, with some calls for the other one between any two of its keys."""
    for slot, other in ((0, 1), (1, 0)):
        cluster.migrate_slot(slot, target, partial(load.wait_for_more, keys_of(other, "a")[0]))
    assert cluster.errors("TRYAGAIN") > 0, "no client met a slot on its way"


def by_redis_cli(cluster: Cluster, _load: Load, target: Server) -> None:
    """Move slots as an operator does."""
    cluster.reshard(cluster.owner(0), target, 64)


def by_the_server(cluster: Cluster, load: Load, target: Server) -> None:
    """Let the servers move the slots as a whole, after an attempt that is given up."""
    source = cluster.owner(0)
    begin_to_move_and_give_up(source, target, range(64))
    load.wait_for(2)
    assert cluster.owner(0) == source
    move_slots(source, target, range(64))
    eventually(lambda: cluster.owner(0) == target)


Way = Callable[[Cluster, Load, Server], None]


@pytest.fixture(params=[by_hand, by_redis_cli, by_the_server])
def way(request: pytest.FixtureRequest, kind: Kind) -> Way:
    """A way to move slots."""
    if request.param is by_the_server and not kind.moves_slots:
        pytest.skip(f"{kind.name} does not move slots by itself")
    chosen: Way = request.param
    return chosen


def test_slots_that_move_under_load_keep_calls_whole(way: Way, cluster: Cluster) -> None:
    source, target = cluster.owner(0), cluster.owner(SLOTS - 1)
    sets = [keys_of(slot, *"abc") for slot in (0, 0, 1)]
    sets[1] = keys_of(0, *"defghijk")
    with Load(cluster, sets) as load:
        load.wait_for(10)
        way(cluster, load, target)
        load.wait_for(10)
    assert {cluster.owner(slot) for slot in range(2)} == {target} != {source}
    for keys in sets:
        assert used(target, keys) == [load.allowed[keys[0]]] * 2 * len(keys), keys
        for key in keys:
            replica = cluster.replica_of(target)
            eventually(partial(holds, replica, key, held(target, key)))


def test_a_user_who_brings_slots_needs_no_more_rights(kind: Kind, cluster: Cluster) -> None:
    """On a Valkey, the source's user carries effects to the target."""
    if not kind.moves_slots_whole:
        pytest.skip("its servers move slots without rights, or not at all")
    source, target = cluster.owner(0), cluster.owner(SLOTS - 1)
    rights = ("+cluster|syncslots", "+select", "+pexpireat", "+rl.apply", "+restore")
    asked(target, "ACL", "SETUSER", "mover", "on", ">pw", "~*", *rights)
    for name, value in (("primaryuser", "mover"), ("primaryauth", "pw")):
        asked(source, "CONFIG", "SET", name, value)
    keys = keys_of(0, "a", "b")
    with Load(cluster, [keys]) as load:
        load.wait_for(10)
        move_slots(source, target, range(64))
        eventually(lambda: cluster.owner(0) == target, DEADLINE_S)
        load.wait_for(10)
    assert used(target, keys) == [load.allowed[keys[0]]] * 4


def test_a_replica_that_takes_over_has_calls_whole(cluster: Cluster) -> None:
    primary, replica = cluster.nodes[0], cluster.nodes[PRIMARIES]
    keys = keys_of(1, *"abc")
    sent = acknowledged = 0

    def charge(connection: RawConnection) -> None:
        nonlocal sent, acknowledged
        sent += 1
        assert clauses(connection(*call(keys)))[0] == 1
        acknowledged += 1 if connection("WAIT", 1, 30_000) == 1 else 0

    with primary.raw() as connection:
        for _ in range(100):
            charge(connection)
        connection.pipeline([call(keys)] * 50)
        sent += 50
        primary.kill9()
    cluster.wait_for_takeover(replica)
    kept = used(replica, keys)
    assert len(set(kept)) == 1, "a call was kept in part"
    assert acknowledged <= kept[0] <= sent
    assert clauses(cluster.call(*call(keys)))[0] == 1
    primary.start()
    eventually(lambda: role_of(primary) == b"slave", DEADLINE_S)
    cluster.wait_until_whole()
    for key in keys:
        eventually(partial(holds, primary, key, held(replica, key)))


def test_a_primary_that_hands_over_keeps_calls_whole(cluster: Cluster) -> None:
    primary, replica = cluster.nodes[0], cluster.nodes[PRIMARIES]
    counted, ending = keys_of(1, *"abc"), keys_of(2, *"ab")
    with Load(cluster, [counted]) as load, Load(cluster, [ending], 60) as limited:
        for new in (replica, primary):
            load.wait_for(20)
            cluster.hand_over(new)
        eventually(lambda: limited.allowed[ending[0]] >= 60, DEADLINE_S)
        limited.wait_for(5)
    assert used(primary, counted) == [load.allowed[counted[0]]] * 6
    assert limited.allowed[ending[0]] == 60
    assert used(primary, ending, 60) == [60] * 4
