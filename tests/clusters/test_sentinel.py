"""Under Sentinel: a primary that is killed, and its replica that is promoted."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
import redis

from support import replication
from support.clock import START_MS, Clock
from support.cluster import asked, held, of_all, role_of, used
from support.eventually import eventually
from support.policies import PolicyFile, dump
from support.pool import NewServer
from support.server import Server, ServerFailed
from support.verdicts import clauses

pytestmark = [pytest.mark.all_servers, pytest.mark.timeout(600)]

NAME = "limits"
SENTINELS, QUORUM = 3, 2
REPLICATION = {"repl-timeout": 60, "repl-ping-replica-period": 1}


def sentinel_of(new_server: NewServer, clock: Clock, primary: Server) -> Server:
    """Start a sentinel that watches a primary."""
    lines = (f"monitor {NAME} 127.0.0.1 {primary.port} {QUORUM}",)
    # A primary that a busy machine keeps from answering is not down. Votes may split; what failed
    # is tried again after twice the timeout.
    timing = (f"down-after-milliseconds {NAME} 60000", f"failover-timeout {NAME} 5000")
    config = {"sentinel": (*lines, *timing)}
    try:
        return new_server(config=config, arguments=["--sentinel"], module=None, clock=clock)
    except ServerFailed as failure:
        if "configured to be built without" in str(failure):
            pytest.skip("the server has no sentinel mode")
        raise


def primary_port(sentinel: Server) -> int:
    """Where the primary is, as a sentinel tells clients."""
    _host, port = asked(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)
    return int(port)


def sees_all(sentinel: Server) -> bool:
    """Whether a sentinel knows the replica and the other sentinels."""
    row = asked(sentinel, "SENTINEL", "MASTER", NAME)
    told = dict(zip(row[::2], row[1::2], strict=True))
    return (told[b"num-slaves"], told[b"num-other-sentinels"]) == (b"1", b"%d" % (SENTINELS - 1))


def has(replica: Server, policies: object) -> bool:
    """Whether a replica has these; each sentinel that makes it one ends its connections."""
    with suppress(ConnectionError, redis.ConnectionError):
        told = replication.info(replica.client(), "replication")
        return told.get("master_link_status") == "up" and dump(replica) == policies
    return False


def test_a_replica_that_sentinels_promote_keeps_what_wait_acknowledged(
    new_server: NewServer, tmp_path: Path
) -> None:
    clock = Clock(tmp_path / "clock")
    clock.set_ms(START_MS + 12 * 3_600_000)
    clock.run()
    primary, replica = (
        PolicyFile(tmp_path, name, {"login": [f"FIXED {limit} 1m"], name: ["FIXED 1 1m"]}).server(
            new_server, config=REPLICATION, clock=clock
        )
        for name, limit in (("first", 1), ("second", 2))
    )
    replication.attach(replica, primary)
    sentinels = [sentinel_of(new_server, clock, primary) for _ in range(SENTINELS)]
    eventually(lambda: all(map(sees_all, sentinels)))
    with primary.raw() as connection:
        connection("RL.POLICY", "SET", "set", "FIXED", 3, "1m")
        assert clauses(connection(*of_all("k", 10), "COST", 7))[0] == 1
        assert connection("WAIT", 1, 30_000) == 1
    state, policies = held(primary, "k"), dump(primary)
    primary.kill9()
    for each in sentinels:
        asked(each, "SENTINEL", "SET", NAME, "down-after-milliseconds", 2_000)
    eventually(lambda: {primary_port(each) for each in sentinels} == {replica.port}, 200.0)
    eventually(lambda: role_of(replica) == b"master")
    assert held(replica, "k") == state
    assert dump(replica) == policies
    assert used(replica, "k", 10) == [7] * 5
    with replica.raw() as connection:
        assert clauses(connection(*of_all("k", 10), "COST", 4))[0] == 0
        assert clauses(connection(*of_all("k", 10), "COST", 3))[0] == 1
        assert clauses(connection(*of_all("k", 10)))[0] == 0
    # What was the primary comes back as one, with its file, and is made a replica.
    primary.start()
    eventually(lambda: role_of(primary) == b"slave", 200.0)
    eventually(lambda: has(primary, policies))
    assert dump(replica) == policies
