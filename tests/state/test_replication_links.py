"""Replicas that come, go, come back, feed others and take over."""

from __future__ import annotations

import time
from functools import partial

import pytest

from support import replication
from support.clock import START_MS
from support.eventually import eventually
from support.expiry import given_ms
from support.histories import HOUR_MS, History, assert_same_on_replica, state
from support.kinds import Kind
from support.pool import NewServer
from support.resp import Argument, Failure, RawConnection, Reply, Status, encode
from support.server import Server
from support.slot_moves import move_slots
from support.verdicts import clauses, integers, rows
from support.writers import Work, Writers

pytestmark = pytest.mark.all_servers

REPLICA = {"propagation-error-behavior": "panic"}
# A replica may be slow to come back, while calls go on.
BACKLOG = {"repl-backlog-size": "256mb"}

LOT = 2_000
"""So many calls are sent at once, and are not too many for the limits."""

# The same calls, in the same order, on each: only a call that is denied may go unnoticed.
FILL = (
    ("RL.FIXED", "fixed", 10**6, "1d"),
    ("RL.SLIDING", "sliding", 10**6, "1d"),
    ("RL.LOG", "log", 10**6, "1d"),
    ("RL.TOKEN", "token", 10**6, 1, "1d"),
    ("RL.LEAKY", "leaky", 10**6, 1, "1d"),
    ("RL.LIMIT", "limit", "FIXED", 10**6, "1d", "LOG", 10**6, "1h", "TOKEN", 10**6, 1, "2d"),
)


def filling(seed: int) -> Work:
    """Work that calls all of FILL, and a random history beside it."""
    history = History(seed)

    def work(connection: RawConnection, _turn: int) -> None:
        replies = connection.pipeline([*FILL, *history.calls(20)])
        assert not any(isinstance(reply, Failure) for reply in replies)

    return work


def is_up(node: RawConnection) -> bool:
    """Whether the cluster is, as this node sees it."""
    answer = node("CLUSTER", "INFO")
    return isinstance(answer, bytes) and b"cluster_state:ok" in answer


def stand(server: Server) -> None:
    """Let the clock stand where it is."""
    server.clock.set_ms(server.clock.now_ms())


def is_linked(replica: Server) -> bool:
    return bool(replication.info(replica.client(), "replication")["master_link_status"] == "up")


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_a_replica_attached_under_load_ends_equal(new_server: NewServer, diskless: str) -> None:
    primary = new_server(config={"repl-diskless-sync": diskless})
    replica = new_server(config={**REPLICA, "repl-diskless-load": "swapdb"})
    replica.clock.advance(HOUR_MS)
    primary.clock.run()
    with Writers(primary, filling(1), filling(2)) as writers:
        writers.wait_for(20)
        for _ in range(3):
            replica.client().execute_command("REPLICAOF", "127.0.0.1", primary.port)
            eventually(lambda: is_linked(replica))
            writers.wait_for(10)
            replication.promote(replica)
            writers.wait_for(5)
        replica.client().execute_command("REPLICAOF", "127.0.0.1", primary.port)
        writers.wait_for(10)
    stand(primary)
    kept = assert_same_on_replica(primary, replica)
    assert {str(call[1]).encode() for call in FILL} <= set(kept)


def test_the_first_replica_gets_what_was_done_while_nobody_listened(new_server: NewServer) -> None:
    primary, replica = new_server(), new_server(config=REPLICA)
    with primary.raw() as connection:
        history = History(seed=3)
        for _ in range(3):
            history.play(connection, [primary.clock], 200)
            # Long enough for any timer of the server's to find it alone.
            time.sleep(0.25)
            history.play(connection, [primary.clock], 200)
            replication.attach(replica, primary)
            assert_same_on_replica(primary, replica)
            history.play(connection, [primary.clock], 200)
            assert_same_on_replica(primary, replica)
            replication.promote(replica)


def test_a_replica_of_a_replica_holds_the_same(new_server: NewServer) -> None:
    primary, replica, last = new_server(), new_server(config=REPLICA), new_server(config=REPLICA)
    replica.clock.advance(-HOUR_MS)
    last.clock.advance(HOUR_MS)
    replication.attach(replica, primary)
    replication.attach(last, replica)
    with primary.raw() as connection:
        History(seed=4).play(connection, [primary.clock, last.clock], 600)
    expected = assert_same_on_replica(primary, replica)
    eventually(
        lambda: (
            replication.info(last.client(), "replication")["slave_repl_offset"]
            == replication.offset(primary.client())
        )
    )
    last.clock.set_ms(primary.clock.now_ms())
    assert state(last, list(expected)) == expected


TENS: tuple[tuple[Argument, ...], ...] = (
    ("RL.FIXED", "fixed", 10, "1h"),
    ("RL.SLIDING", "sliding", 10, "1h"),
    ("RL.LOG", "log", 10, "1h"),
    ("RL.TOKEN", "token", 10, 10, "1h"),
    ("RL.LEAKY", "leaky", 10, 10, "1h"),
)


def test_a_replica_that_takes_over_keeps_the_counts_and_goes_on(new_server: NewServer) -> None:
    primary, replica = new_server(), new_server(config=REPLICA)
    replication.attach(replica, primary)
    with primary.raw() as connection:
        for call in TENS:
            assert integers(connection(*call, "COST", 7))[:3] == [1, 10, 3]
        peeked = [connection("RL.PEEK", call[1]) for call in TENS]
    kept = assert_same_on_replica(primary, replica)
    primary.kill9()
    replication.promote(replica)
    assert state(replica) == kept
    with replica.raw() as connection:
        assert [connection("RL.PEEK", call[1]) for call in TENS] == peeked
        for call in TENS:
            assert integers(connection(*call, "COST", 4))[0] == 0
            assert integers(connection(*call, "COST", 3))[:3] == [1, 10, 0]
            assert integers(connection(*call))[0] == 0


def test_a_replica_promoted_with_a_clock_behind_frees_nobody(new_server: NewServer) -> None:
    primary, replica = new_server(), new_server(config=REPLICA)
    replica.clock.advance(-HOUR_MS)
    replication.attach(replica, primary)
    with primary.raw() as connection:
        connection("RL.FIXED", "fixed", 3, "1m", "COST", 3)
        connection("RL.TOKEN", "token", 3, 3, "1m", "COST", 3)
    replication.wait_in_sync(primary, replica)
    replication.promote(replica)
    with replica.raw() as connection:
        assert integers(connection("RL.FIXED", "fixed", 3, "1m")) == [0, 3, 0, 60_000, 60_000]
        assert integers(connection("RL.TOKEN", "token", 3, 3, "1m")) == [0, 3, 0, 20_000, 60_000]
        assert replica.client().pexpiretime("fixed") == START_MS - HOUR_MS + given_ms(60_000)


def test_a_link_that_breaks_loses_nothing(new_server: NewServer) -> None:
    primary, replica = new_server(config=BACKLOG), new_server(config=REPLICA)
    replica.clock.advance(HOUR_MS)
    replication.attach(replica, primary)
    primary.client().config_resetstat()
    primary.clock.run()
    with Writers(primary, filling(6)) as writers, primary.raw() as connection:
        for _ in range(5):
            writers.wait_for(5)
            connection("CLIENT", "KILL", "TYPE", "replica")
    stand(primary)
    kept = assert_same_on_replica(primary, replica)
    assert len(kept) > len(FILL)
    stats = replication.info(primary.client(), "stats")
    assert stats["sync_partial_ok"] > 0
    assert stats["sync_full"] == 0, "the link came back by a full copy, which shows nothing"


def test_a_default_user_who_may_do_nothing_hinders_no_replica(new_server: NewServer) -> None:
    primary, replica = new_server(), new_server(config=REPLICA)
    replica.client().execute_command("ACL", "SETUSER", "default", "-@all", "+@admin", "+info")
    replica.client().execute_command("ACL", "SETUSER", "default", "+keys", "+pexpiretime", "+debug")
    replica.client().execute_command("ACL", "SETUSER", "default", "+exists", "+replicaof", "~*")
    replication.attach(replica, primary)
    with primary.raw() as connection, replica.raw() as there:
        History(seed=7).play(connection, [primary.clock], 200)
        refused = there("RL.APPLY", "k", "v")
        assert isinstance(refused, Failure)
    assert_same_on_replica(primary, replica)


def test_slots_that_migrate_take_their_limiters_along(new_server: NewServer, kind: Kind) -> None:
    if not kind.moves_slots:
        pytest.skip(f"{kind.name} does not move slots by itself")
    config = {"cluster-enabled": "yes"}
    source, target = new_server(config=config), new_server(config=config)
    for server in (source, target):
        server.clock.run()
    call = ("RL.LIMIT", "{x}k", "FIXED", 10**6, "1d", "LOG", 10**6, "1d", "TOKEN", 10**6, 1, "1d")
    with source.raw() as here, target.raw() as there:
        assert here("CLUSTER", "ADDSLOTSRANGE", 0, 16382) == Status("OK")
        assert there("CLUSTER", "ADDSLOTSRANGE", 16383, 16383) == Status("OK")
        bus = str(target.client().config_get("cluster-port")["cluster-port"])
        assert here("CLUSTER", "MEET", "127.0.0.1", target.port, bus) == Status("OK")
        for node in (here, there):
            eventually(partial(is_up, node))
        # Calls are always waiting, so that the server meets some however fast the slots move.
        lot, replies = encode(call) * LOT, list[Reply]()
        here.send(lot)
        move_slots(source, target, range(16383))
        while not any(isinstance(reply, Failure) for reply in replies[-LOT:]):
            here.send(lot)
            replies += [here.read() for _ in range(LOT)]
        replies += [here.read() for _ in range(LOT)]
        moved = [reply.text for reply in replies if isinstance(reply, Failure)]
        allowed = len(replies) - len(moved)
        assert allowed > 0
        assert {text.split()[0] for text in moved} == {"MOVED"}
        assert not any(isinstance(reply, Failure) for reply in replies[:allowed])
        peeked = rows(there("RL.PEEK", "{x}k"))
        assert [row[4] for row in peeked] == [10**6 - allowed] * 3
        assert target.client().pttl("{x}k") > 0
        assert clauses(there(*call))[0] == 1
