"""Effects are handed over only where somebody may listen, and none is ever lost by that.

Each test first makes sure that the server believes itself alone, and then lets somebody begin to
listen while calls go on: by every way in which that can happen.
"""

from __future__ import annotations

import os
import signal
import time
from functools import partial

import pytest

from support import replication
from support.eventually import eventually
from support.histories import HOUR_MS, History, assert_same_on_replica, state
from support.pool import NewServer
from support.resp import Failure, RawConnection
from support.server import Server
from support.writers import Work, Writers

pytestmark = pytest.mark.all_servers

REPLICA = {"propagation-error-behavior": "panic"}
SLOW_SAVE = {"rdb-key-save-delay": "1000"}
# The replica is away for a while and may be slow to come back, while calls go on.
BACKLOG = {"repl-backlog-size": "256mb"}


def effects(server: Server) -> tuple[int, int]:
    """How many effects were sent, and how many nobody could hear."""
    told = replication.info(server.client(), "ratelimit")
    return int(told["ratelimit_effects_sent"]), int(told["ratelimit_effects_unheard"])


def calls(seed: int) -> Work:
    """A random history of calls."""
    history = History(seed)

    def work(connection: RawConnection, _turn: int) -> None:
        replies = connection.pipeline(list(history.calls(20)))
        assert not any(isinstance(reply, Failure) for reply in replies)

    return work


def wait_until_alone(server: Server) -> None:
    """Wait until the server believes that nobody listens, while calls go on."""
    _, before = effects(server)
    eventually(lambda: effects(server)[1] > before)


def wait_until_heard(server: Server) -> None:
    """Wait until effects are sent, while calls go on."""
    before, _ = effects(server)
    eventually(lambda: effects(server)[0] > before)


def stand(server: Server) -> None:
    """Let the clock stand where it is."""
    server.clock.set_ms(server.clock.now_ms())


def is_linked(replica: Server) -> bool:
    return bool(replication.info(replica.client(), "replication")["master_link_status"] == "up")


def follow(replica: Server, primary: Server) -> None:
    """Make one the replica of the other without waiting for all that goes on."""
    replica.client().execute_command("REPLICAOF", "127.0.0.1", primary.port)
    eventually(partial(is_linked, replica))


def is_saving(server: Server, what: str) -> bool:
    return bool(replication.info(server.client(), "persistence")[what])


def begin_to_save(server: Server) -> None:
    """Begin a save; that it is under way is told by the next command, before any time passes."""
    with server.raw() as connection:
        _, told = connection.pipeline([["BGSAVE"], ["INFO", "persistence"]])
    assert isinstance(told, bytes)
    assert b"rdb_bgsave_in_progress:1" in told


def fill(server: Server) -> None:
    """Keys enough for a slow save to last."""
    with server.raw() as connection:
        connection.pipeline([["RL.FIXED", f"fill:{each}", 10, "366d"] for each in range(1500)])


def test_what_nobody_hears_still_counts_as_a_change(new_server: NewServer) -> None:
    server = new_server()
    with Writers(server, calls(1)):
        wait_until_alone(server)
    with server.raw() as connection:
        before = replication.info(server.client(), "persistence")["rdb_changes_since_last_save"]
        _, unheard = effects(server)
        connection("RL.FIXED", "new", 5, "1h")
        assert effects(server)[1] == unheard + 1
        after = replication.info(server.client(), "persistence")["rdb_changes_since_last_save"]
        assert after == before + 1
        connection("RL.FIXED", "new", 1, "1h")
        assert effects(server)[1] == unheard + 1, "a denied call has no effect"


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_a_replica_that_attaches_under_load(new_server: NewServer, diskless: str) -> None:
    primary, replica = (
        new_server(config={"repl-diskless-sync": diskless}),
        new_server(config=REPLICA),
    )
    primary.clock.run()
    with Writers(primary, calls(2), calls(3)) as writers:
        wait_until_alone(primary)
        follow(replica, primary)
        wait_until_heard(primary)
        writers.wait_for(5)
    stand(primary)
    assert_same_on_replica(primary, replica)


@pytest.mark.parametrize("diskless", ["yes", "no"])
def test_a_replica_that_comes_while_a_save_is_under_way(
    new_server: NewServer, diskless: str
) -> None:
    primary = new_server(config={"repl-diskless-sync": diskless, **SLOW_SAVE})
    replica = new_server(config=REPLICA)
    fill(primary)
    primary.clock.run()
    with Writers(primary, calls(4)) as writers:
        wait_until_alone(primary)
        begin_to_save(primary)
        replica.client().execute_command("REPLICAOF", "127.0.0.1", primary.port)
        primary.client().config_set("rdb-key-save-delay", 0)
        eventually(partial(is_linked, replica))
        writers.wait_for(5)
    stand(primary)
    assert_same_on_replica(primary, replica)


def test_who_begins_to_listen_without_an_event_is_seen_at_the_next_tick(
    new_server: NewServer,
) -> None:
    """A replica is there, and the backlog with it, long before the fork that makes its copy."""
    delayed = {"repl-diskless-sync": "yes", "repl-diskless-sync-delay": "1000"}
    primary, replica = new_server(config=delayed), new_server(config=REPLICA)
    primary.clock.run()
    with Writers(primary, calls(13)) as writers:
        wait_until_alone(primary)
        replica.client().execute_command("REPLICAOF", "127.0.0.1", primary.port)
        eventually(lambda: replication.info(primary.client(), "replication")["connected_slaves"])
        wait_until_heard(primary)
        assert replication.info(primary.client(), "stats")["total_forks"] == 0
        primary.client().config_set("repl-diskless-sync-delay", 0)
        eventually(partial(is_linked, replica))
        writers.wait_for(5)
    stand(primary)
    assert_same_on_replica(primary, replica)


def test_a_server_that_has_sent_nothing_is_looked_at_too(new_server: NewServer) -> None:
    # Long enough for any timer of the server's to look, or on a busy machine a little longer.
    for seconds in (0.5, 2, 8):
        server = new_server()
        with server.raw() as connection:
            time.sleep(seconds)
            connection("RL.FIXED", "k", 5, "1h")
        if effects(server) == (0, 1):
            return
    pytest.fail("nobody listens, and it does not look")


def test_a_replica_that_leaves_and_comes_back(new_server: NewServer) -> None:
    """Nobody is attached for a while, but the backlog waits for who comes back."""
    primary, replica = new_server(config=BACKLOG), new_server(config=REPLICA)
    primary.clock.run()
    with Writers(primary, calls(5)) as writers:
        wait_until_alone(primary)
        follow(replica, primary)
        writers.wait_for(5)
        os.kill(replica.pid, signal.SIGSTOP)
        primary.client().execute_command("CLIENT", "KILL", "TYPE", "replica")
        eventually(
            lambda: not replication.info(primary.client(), "replication")["connected_slaves"]
        )
        _, unheard = effects(primary)
        # Long enough for any timer of the primary's to look.
        time.sleep(0.5)
        assert effects(primary)[1] == unheard
        os.kill(replica.pid, signal.SIGCONT)
        eventually(lambda: replication.info(primary.client(), "replication")["connected_slaves"])
        eventually(partial(is_linked, replica))
    stats = replication.info(primary.client(), "stats")
    assert (stats["sync_full"], stats["sync_partial_ok"]) == (1, 1)
    stand(primary)
    assert_same_on_replica(primary, replica)


def test_once_the_backlog_is_gone_the_next_replica_gets_all(new_server: NewServer) -> None:
    primary = new_server(config={"repl-backlog-ttl": "1"})
    first, second = new_server(config=REPLICA), new_server(config=REPLICA)
    primary.clock.run()
    with Writers(primary, calls(6)) as writers:
        wait_until_alone(primary)
        follow(first, primary)
        wait_until_heard(primary)
        replication.promote(first)
        wait_until_alone(primary)
        follow(second, primary)
        follow(first, primary)
        writers.wait_for(5)
    stand(primary)
    assert_same_on_replica(primary, second)
    assert_same_on_replica(primary, first)


def test_a_replica_that_takes_over_and_feeds_another(new_server: NewServer) -> None:
    primary, replica, last = new_server(), new_server(config=REPLICA), new_server(config=REPLICA)
    primary.clock.run()
    replica.clock.advance(HOUR_MS)
    replica.clock.run()
    with Writers(primary, calls(7)) as writers:
        wait_until_alone(primary)
        follow(replica, primary)
        follow(last, replica)
        writers.wait_for(5)
    replication.promote(replica)
    with Writers(replica, calls(8)) as writers:
        wait_until_heard(replica)
        writers.wait_for(20)
    stand(replica)
    assert_same_on_replica(replica, last)


def test_a_replica_that_takes_over_alone(new_server: NewServer) -> None:
    primary, replica, last = new_server(), new_server(config=REPLICA), new_server(config=REPLICA)
    replica.clock.run()
    replication.attach(replica, primary)
    primary.kill9()
    replication.promote(replica)
    with Writers(replica, calls(9)) as writers:
        writers.wait_for(20)
        follow(last, replica)
        writers.wait_for(5)
    stand(replica)
    assert_same_on_replica(replica, last)


@pytest.mark.parametrize("saving", [False, True])
def test_an_aof_that_is_switched_on_under_load(new_server: NewServer, saving: bool) -> None:
    server = new_server(config={"appendfsync": "always", **(SLOW_SAVE if saving else {})})
    fill(server)
    server.clock.run()
    with Writers(server, calls(10), calls(11)) as writers:
        wait_until_alone(server)
        if saving:
            begin_to_save(server)
        server.client().config_set("appendonly", "yes")
        writers.wait_for(5)
        server.client().config_set("rdb-key-save-delay", 0)
        eventually(
            lambda: (
                not is_saving(server, "aof_rewrite_scheduled")
                and not is_saving(server, "aof_rewrite_in_progress")
            )
        )
        wait_until_heard(server)
        writers.wait_for(5)
    stand(server)
    expected = state(server)
    server.kill9()
    server.restart(config={"appendonly": "yes"})
    assert state(server) == expected


def test_an_aof_that_is_switched_off_and_on_again(new_server: NewServer) -> None:
    server = new_server(config={"appendonly": "yes", "appendfsync": "always"})
    server.clock.run()
    with Writers(server, calls(12)) as writers:
        wait_until_heard(server)
        server.client().config_set("appendonly", "no")
        wait_until_alone(server)
        server.client().config_set("appendonly", "yes")
        eventually(lambda: not is_saving(server, "aof_rewrite_in_progress"))
        wait_until_heard(server)
        writers.wait_for(5)
    stand(server)
    expected = state(server)
    server.kill9()
    server.restart()
    assert state(server) == expected


def test_within_a_cluster_somebody_may_always_listen(new_server: NewServer) -> None:
    server = new_server(config={"cluster-enabled": "yes"})
    client = server.client()
    client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
    server.clock.run()
    with server.raw() as connection:
        eventually(lambda: not isinstance(connection("RL.FIXED", "{a}", 10**9, "1h"), Failure))
        # Long enough for any timer of the server's to have looked.
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            connection("RL.FIXED", "{a}", 10**9, "1h")
    sent, unheard = effects(server)
    assert (sent > 0, unheard) == (True, 0)
