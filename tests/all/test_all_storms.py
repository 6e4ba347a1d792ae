"""Storms of RL.ALL calls: kill -9, replicas and rewritten files never show a part of one."""

from __future__ import annotations

from functools import partial

import pytest

from support import replication
from support.aof import rewrite_aof
from support.eventually import eventually
from support.histories import assert_same_on_replica
from support.pool import NewServer
from support.resp import RawConnection, Status
from support.server import Server
from support.verdicts import clauses, rows
from support.writers import Work, Writers

pytestmark = pytest.mark.all_servers

AOF = {"appendonly": "yes", "appendfsync": "always"}
# A replica that cannot carry out what it is sent ends, and the test with it.
REPLICA = {"propagation-error-behavior": "panic"}
PLENTY = 10**6


def used(server: Server, key: str) -> list[int]:
    """What is used of each limiter at a key, by its own numbers."""
    with server.raw() as raw:
        return [int(str(row[1])) - int(str(row[4])) for row in rows(raw("RL.PEEK", key))]


class Books:
    """A caller of RL.ALL at keys of its own, and what it was told."""

    def __init__(self, name: str, groups: str, ids: bool = False) -> None:
        self.keys = [f"{name}:{number}" for number in range(groups.count("AND") + 1)]
        self.sent = self.acknowledged = 0
        self.line = groups.format(*self.keys)
        self.ids = ids

    def work(self, connection: RawConnection, turn: int) -> None:
        """Call once more."""
        self.sent += 1
        ending = f" ID {turn} KEEP 100ms" if self.ids else ""
        reply = connection("RL.ALL", *f"{self.line}{ending}".split())
        self.acknowledged += clauses(reply)[0]

    def used(self, server: Server) -> list[int]:
        """What is used of all limiters at all keys."""
        return [each for key in self.keys for each in used(server, key) or [0]]


def groups(count: int, limit: int = PLENTY) -> str:
    """So many groups, of various clauses."""
    each = [
        f"{{}} FIXED {limit} 30d",
        f"{{}} LOG {limit} 30d",
        f"{{}} TOKEN {limit} 1 30d LEAKY {limit} 1 30d",
        f"{{}} SLIDING {limit} 30d",
    ]
    return " AND ".join(each[number % 4] for number in range(count))


def everybody() -> list[Books]:
    return [
        Books("two", groups(2)),
        Books("eight", groups(8)),
        Books("ids", groups(3), ids=True),
        Books("full", groups(3) + " AND {} FIXED 40 30d"),
        Books("refused", groups(3) + " AND {} FIXED 0 30d"),
    ]


def assert_all_or_nothing(server: Server, books: Books) -> int:
    """Fail unless all keys of a caller hold the same, and answer what."""
    found = set(books.used(server)) - ({0} if books.keys[0].startswith("refused") else set())
    assert len(found) <= 1, f"{books.keys}: all or nothing"
    return next(iter(found), 0)


@pytest.mark.parametrize("fsync", ["always", "everysec"])
def test_kill_9_leaves_all_of_a_call_or_nothing(new_server: NewServer, fsync: str) -> None:
    server = new_server(config={"appendonly": "yes", "appendfsync": fsync})
    server.clock.run()
    callers = everybody()
    for _ in range(3):
        with Writers(server, *(books.work for books in callers)) as writers:
            writers.wait_for(300)
            server.kill9()
        server.start()
        for books in callers:
            kept = assert_all_or_nothing(server, books)
            # Once a second, what was written may not be in the file yet.
            if fsync == "always":
                assert books.acknowledged <= kept
            assert kept <= books.sent
            books.sent = books.acknowledged = kept
    if fsync == "always":
        assert callers[0].acknowledged > 300
        assert callers[3].acknowledged == 40, "filled to its limit"
    assert callers[3].acknowledged <= 40, "and not beyond"
    assert callers[4].acknowledged == 0


def test_kill_9_while_the_aof_is_rewritten(new_server: NewServer) -> None:
    server = new_server(config={**AOF, "aof-use-rdb-preamble": "no"})
    server.clock.run()
    callers = everybody()
    with Writers(server, *(books.work for books in callers)) as writers:
        for _ in range(3):
            writers.wait_for(20)
            rewrite_aof(server)
        server.client().execute_command("BGREWRITEAOF")
        writers.wait_for(1)
        server.kill9()
    server.start()
    for books in callers:
        assert books.acknowledged <= assert_all_or_nothing(server, books) <= books.sent


def reading(books: Books) -> Work:
    """Work on a replica: all keys of a call always hold the same."""

    def work(connection: RawConnection, _turn: int) -> None:
        looks = [["RL.PEEK", key] for key in books.keys]
        first, *_, peeked = connection.pipeline([["MULTI"], *looks, ["EXEC"]])
        assert first == Status("OK")
        assert isinstance(peeked, list)
        found = [
            int(str(row[1])) - int(str(row[4]))
            for each in peeked
            for row in rows(each) or [[b"", 0, 0, 0, 0]]
        ]
        assert len(set(found)) == 1, found

    return work


def test_a_replica_never_shows_a_part_of_a_call(new_server: NewServer) -> None:
    primary, replica = new_server(), new_server(config=REPLICA)
    for server in (primary, replica):
        server.clock.run()
    replication.attach(replica, primary)
    callers = everybody()[:3]
    for books in callers:
        with primary.raw() as raw:
            books.work(raw, 0)
    replication.wait_in_sync(primary, replica)
    with (
        Writers(replica, *(reading(books) for books in callers)) as readers,
        Writers(primary, *(books.work for books in callers)) as writers,
    ):
        for _ in range(5):
            writers.wait_for(40)
            readers.wait_for(40)
        primary.kill9()
    # What had not arrived is lost, as ever; no call is lost in part.
    replication.promote(replica)
    for books in callers:
        kept = assert_all_or_nothing(replica, books)
        assert 100 < kept <= books.sent
        with replica.raw() as raw:
            books.work(raw, -1)
        assert assert_all_or_nothing(replica, books) == kept + 1


def test_a_replica_that_is_attached_in_a_storm_ends_equal(new_server: NewServer) -> None:
    primary, replica = new_server(), new_server(config=REPLICA)
    primary.clock.run()
    callers = everybody()
    with Writers(primary, *(books.work for books in callers)) as writers:
        writers.wait_for(10)
        for _ in range(2):
            replica.client().execute_command("REPLICAOF", "127.0.0.1", primary.port)
            eventually(partial(is_linked, replica))
            writers.wait_for(20)
            replication.promote(replica)
            writers.wait_for(5)
        replica.client().execute_command("REPLICAOF", "127.0.0.1", primary.port)
        writers.wait_for(10)
    primary.clock.set_ms(primary.clock.now_ms())
    kept = assert_same_on_replica(primary, replica)
    assert {key.encode() for books in callers[:3] for key in books.keys} <= set(kept)


def is_linked(replica: Server) -> bool:
    return bool(replication.info(replica.client(), "replication")["master_link_status"] == "up")
