"""A real cluster: three primaries with a replica each, under one running clock."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from binascii import crc_hqx
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import redis
from redis.cluster import RedisCluster
from redis.crc import key_slot

from support import replication
from support.clock import START_MS, Clock
from support.eventually import eventually
from support.pool import NewServer
from support.resp import TIMEOUT_S, Argument, Failure, Reply, Status
from support.server import Server
from support.verdicts import rows
from support.workers import Worker, Workers

SLOTS = 16384
PRIMARIES = 3
RANGES = [range(SLOTS * n // PRIMARIES, SLOTS * (n + 1) // PRIMARIES) for n in range(PRIMARIES)]
"""The slots of each primary at the beginning."""

DEADLINE_S = 120.0

SOON_MS, PATIENT_MS = 3_000, 20_000
"""When a node that does not answer counts as failed: while one is down, and otherwise.

What a busy machine keeps from answering for some seconds has not failed.
"""
HURRY_S = 3.0
SHARD = re.compile(r"^(\w{40}) .*shard-id=(\w{40})", re.MULTILINE)
GIVES_UP_S = 10.0
"""By then a server has given up a CLUSTER FAILOVER that had not come to its end."""

# The last three: replication is watched as on a real server, since this clock runs.
CONFIG: dict[str, str | int] = {
    "cluster-enabled": "yes",
    "cluster-node-timeout": SOON_MS,
    "repl-timeout": 600,
    "repl-ping-replica-period": 1,
    "propagation-error-behavior": "panic",
}


@cache
def tags() -> list[str]:
    """For each slot a word that is in it."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < SLOTS:
        word = f"{number:x}"
        found.setdefault(crc_hqx(word.encode(), 0) % SLOTS, word)
        number += 1
    return [found[slot] for slot in range(SLOTS)]


class Cluster:
    """Six nodes, the last three of which begin as replicas of the first three, in order.

    The clock begins at noon and runs, as elections and timeouts need it to.
    """

    def __init__(self, new_server: NewServer, folder: Path) -> None:
        self._clock = clock = Clock(folder / "cluster-clock")
        clock.set_ms(START_MS + 12 * 3_600_000)
        clock.run()
        self.nodes = [new_server(config=CONFIG, clock=clock) for _ in range(2 * PRIMARIES)]
        self._node_timeout_ms = SOON_MS
        self._ids = {node.port: str(ask(node, "CLUSTER", "MYID")) for node in self.nodes}
        self._form()

    def _form(self) -> None:
        primaries, replicas = self.nodes[:PRIMARIES], self.nodes[PRIMARIES:]
        for number, node in enumerate(self.nodes):
            ask(node, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for number, node in enumerate(self.nodes):
            for other in self.nodes[number + 1 :]:
                ask(node, "CLUSTER", "MEET", "127.0.0.1", other.port, other.bus_port)
        for node, slots in zip(primaries, RANGES, strict=True):
            ask(node, "CLUSTER", "ADDSLOTSRANGE", slots[0], slots[-1])
        eventually(lambda: all(map(self._knows_all, self.nodes)), DEADLINE_S)
        self._wait_until(self._shards_are_known)
        for node in self.nodes:
            node.config["cluster-node-timeout"] = PATIENT_MS
        self._count_as_failed_after(PATIENT_MS)
        for primary, replica in zip(primaries, replicas, strict=True):
            ask(replica, "CLUSTER", "REPLICATE", self.id_of(primary))
        self.wait_until_whole()

    def _knows_all(self, node: Server) -> bool:
        listed = self.listed(node)
        return len(listed) == len(self.nodes) and not any("handshake" in row[2] for row in listed)

    def _shards_are_known(self) -> bool:
        """Whether each node's file has the shards of all others as they are, if there are shards.

        If a replica is assigned before, some file has a made up shard for it. A Valkey 8.1 does not
        start with such a file.
        """
        files = ((node.folder / "nodes.conf").read_text() for node in self.nodes)
        return len({frozenset(SHARD.findall(text)) for text in files}) == 1

    # What it looks like

    def listed(self, node: Server) -> list[list[str]]:
        """The rows of CLUSTER NODES, as this node sees them."""
        return [row.split() for row in str(ask(node, "CLUSTER", "NODES")).splitlines()]

    def id_of(self, node: Server) -> str:
        """The node's name within the cluster."""
        return self._ids[node.port]

    def owner(self, slot: int) -> Server:
        """The primary that serves a slot, by its own word."""
        for node in self._alive():
            for first, last, primary, *_ in asked(node, "CLUSTER", "SLOTS"):
                if first <= slot <= last and int(primary[1]) == node.port:
                    return node
        raise LookupError(f"nobody serves slot {slot}")

    def replica_of(self, primary: Server) -> Server:
        """A replica of that primary."""
        for node in self._alive():
            told = replication.info(node.client(), "replication")
            if told["role"] == "slave" and told["master_port"] == primary.port:
                return node
        raise LookupError(f"nobody replicates port {primary.port}")

    def is_whole(self) -> bool:
        """Whether all living nodes serve all slots, agree on who does, and replicas follow.

        A primary that does not know its replica yet would not listen to its CLUSTER FAILOVER.
        """
        views = set()
        for node in self._alive():
            if "cluster_state:ok" not in str(ask(node, "CLUSTER", "INFO")):
                return False
            told = replication.info(node.client(), "replication")
            if told["role"] == "slave" and told["master_link_status"] != "up":
                return False
            ranges = [
                (first, last, primary[1], sorted(replica[1] for replica in replicas))
                for first, last, primary, *replicas in asked(node, "CLUSTER", "SLOTS")
            ]
            views.add(str((sorted(ranges), self._roles(node))))
        return len(views) == 1

    def _roles(self, node: Server) -> list[tuple[str, bool, str]]:
        """The living nodes as this node sees them: name, whether it is a primary, and its primary.

        CLUSTER SLOTS passes over a replica that has not received anything yet.
        """
        alive = {self.id_of(each) for each in self._alive()}
        rows = [row for row in self.listed(node) if row[0] in alive]
        return sorted((row[0], "master" in row[2], row[3]) for row in rows)

    def wait_until_whole(self) -> None:
        """Wait for that.

        Nodes tell one another of what is new when they ping, which they do once half of their
        timeout is over: it is over at once where the clock goes on by so much.
        """
        self._wait_until(self.is_whole)

    def _wait_until(self, holds: Callable[[], bool]) -> None:
        hurried = 0.0

        def is_so() -> bool:
            nonlocal hurried
            # A node whose role changes ends its connections.
            with suppress(ConnectionError, redis.ConnectionError):
                if holds():
                    return True
            if time.monotonic() > hurried + HURRY_S:
                self._clock.advance(self._node_timeout_ms // 2 + 100)
                hurried = time.monotonic()
            return False

        eventually(is_so, DEADLINE_S)

    def wait_for_takeover(self, replica: Server) -> None:
        """Wait until a replica is a primary, and all the cluster has seen it."""
        if len(self._alive()) < len(self.nodes):
            self._count_as_failed_after(SOON_MS)
        eventually(lambda: role_of(replica) == b"master", DEADLINE_S)
        self.wait_until_whole()
        self._count_as_failed_after(PATIENT_MS)

    def _all_are_linked(self) -> bool:
        return all(row[7] == "connected" for node in self.nodes for row in self.listed(node))

    def _count_as_failed_after(self, ms: int) -> None:
        for node in self._alive():
            ask(node, "CONFIG", "SET", "cluster-node-timeout", ms)
        self._node_timeout_ms = ms

    def errors(self, code: str) -> int:
        """How often the living nodes answered an error of that code."""
        stats = [replication.info(node.client(), "errorstats") for node in self._alive()]
        return sum(int(each.get(f"errorstat_{code}", {"count": 0})["count"]) for each in stats)

    def _alive(self) -> list[Server]:
        return [node for node in self.nodes if node.running]

    # What is done to it

    def hand_over(self, replica: Server) -> None:
        """Have a replica take over from its primary in peace, asked again where it gave that up.

        A vote for a node to which there is no link yet is lost, and the next one comes only after
        four times the timeout.
        """
        eventually(self._all_are_linked, DEADLINE_S)
        self._count_as_failed_after(SOON_MS)
        for _ in range(5):
            assert ask(replica, "CLUSTER", "FAILOVER") == "OK"
            with suppress(TimeoutError):
                eventually(lambda: role_of(replica) == b"master", GIVES_UP_S)
                break
        self.wait_for_takeover(replica)

    def client(self) -> RedisCluster:
        """redis-py's client of clusters, not decoding."""
        port = self._alive()[0].port
        return RedisCluster(host="127.0.0.1", port=port, protocol=2, socket_timeout=TIMEOUT_S)

    def call(self, *command: Argument) -> Reply:
        """Call a command of one key where that key is served."""
        with self.owner(slot_of(command[1])).raw() as connection:
            return connection(*command)

    def migrate_slot(self, slot: int, target: Server, between: Callable[[], None]) -> None:
        """Hand a slot over key by key, as redis-cli does; `between` is called at each stage."""
        source = self.owner(slot)
        ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", self.id_of(source))
        ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", self.id_of(target))
        between()
        while keys := asked(source, "CLUSTER", "GETKEYSINSLOT", slot, 1):
            done = ask(source, "MIGRATE", "127.0.0.1", target.port, "", 0, 20_000, "KEYS", *keys)
            assert done == "OK", done
            between()
        for node in (target, source):
            ask(node, "CLUSTER", "SETSLOT", slot, "NODE", self.id_of(target))

    def reshard(self, source: Server, target: Server, slots: int) -> None:
        """Have redis-cli move so many slots."""
        options = {"from": self.id_of(source), "to": self.id_of(target), "slots": str(slots)}
        words = [word for name, value in options.items() for word in (f"--cluster-{name}", value)]
        self.cli("reshard", f"127.0.0.1:{source.port}", *words, "--cluster-yes")

    def cli(self, *arguments: str) -> str:
        """What `redis-cli --cluster` prints; it must succeed."""
        done = subprocess.run(
            ["redis-cli", "--cluster", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def of_all(key: Argument, limit: int) -> tuple[Argument, ...]:
    """A call that all algorithms must allow: each does `limit` times, and then not for days."""
    windows: list[Argument] = ["FIXED", limit, "5d", "SLIDING", limit, "5d", "LOG", limit, "5d"]
    return ("RL.LIMIT", key, *windows, "TOKEN", limit, 1, "5d", "LEAKY", limit, 1, "5d")


def used(node: Server, key: str, limit: int) -> list[int]:
    """How much of the limit each limiter at a key says to be used, in its turn of of_all."""
    with node.raw() as connection:
        connection("READONLY")
        return [limit - int(str(row[4])) for row in rows(connection("RL.PEEK", key))]


def held(node: Server, key: str) -> list[Reply]:
    """State of a key to the bit, and its expiry."""
    with node.raw() as connection:
        connection("READONLY")
        return connection.pipeline([["DEBUG", "DIGEST-VALUE", key], ["PEXPIRETIME", key]])


def holds(node: Server, key: str, state: list[Reply]) -> bool:
    """Whether a node holds that at a key."""
    return held(node, key) == state


class Load(Workers):
    """Clients in threads of their own that call all `commands` again and again.

    `allowed` counts by key what they were told is allowed. Redirections are the client's
    business; any other error comes out at the end of the `with`.
    """

    def __init__(
        self, cluster: Cluster, commands: Sequence[Sequence[Argument]], clients: int = 2
    ) -> None:
        self.allowed: Counter[Argument] = Counter()
        self._lock = threading.Lock()
        super().__init__(*(self._calling(cluster, commands) for _ in range(clients)))

    def _calling(self, cluster: Cluster, commands: Sequence[Sequence[Argument]]) -> Worker:
        with cluster.client() as client:
            while True:
                for command in commands:
                    reply = client.execute_command(*command)
                    with self._lock:
                        self.allowed[command[1]] += reply[0]
                yield


def slot_of(key: Argument) -> int:
    """The slot that a key is in."""
    return int(key_slot(key if isinstance(key, bytes) else str(key).encode()))


def keys_in(slots: Iterable[int], name: str = "k") -> list[str]:
    """A key in each of these slots."""
    return [f"{{{tags()[slot]}}}{name}" for slot in slots]


def asked(node: Server, *command: Argument) -> Any:
    """What a node answers; an error is an exception."""
    with node.raw() as connection:
        reply = connection(*command)
    if isinstance(reply, Failure):
        raise redis.ResponseError(f"port {node.port} to {command}: {reply.text}")
    return reply


def role_of(node: Server) -> bytes:
    """A node's role, b"" while it changes: whoever makes it another ends its connections."""
    with suppress(ConnectionError):
        return bytes(asked(node, "ROLE")[0])
    return b""


def ask(node: Server, *command: Argument) -> str | int:
    """What a node answers, as text or a number."""
    reply = asked(node, *command)
    if isinstance(reply, Status):
        return reply.text
    return reply if isinstance(reply, int) else bytes(reply).decode()
