"""A primary and its replica: their roles, links and settings, which outlive a restart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from support import replication
from support.server import Server

CONFIG: dict[str, str | int] = {
    "appendfsync": "always",
    "propagation-error-behavior": "panic",
    "repl-backlog-ttl": 1,
}
"""Of both servers. Once alone, a primary soon gives up waiting for its replica to come back."""

COUNTED = {
    "stats": ("sync_full", "sync_partial_ok", "evicted_keys", "expired_keys"),
    "ratelimit": (
        "ratelimit_effects_sent",
        "ratelimit_effects_unheard",
        "ratelimit_decisions_allowed",
        "ratelimit_decisions_denied",
    ),
}


class Pair:
    """Two servers, which run under clocks of their own."""

    def __init__(self, start: Callable[[], Server]) -> None:
        self.primary, self.replica = start(), start()
        self.figures: Counter[str] = Counter()
        self.run_clocks()
        self.follow()

    # Clocks

    def run_clocks(self) -> None:
        """Let the clocks go on from where they stand."""
        for server in self.both:
            server.clock.run()

    def stand(self) -> None:
        """Let the clocks stand where they are."""
        for server in self.both:
            server.clock.set_ms(server.clock.now_ms())

    # Links and roles

    @property
    def both(self) -> tuple[Server, Server]:
        """The primary, and the replica."""
        return self.primary, self.replica

    @property
    def attached(self) -> bool:
        """Whether the replica is told to follow."""
        return "replicaof" in self.replica.config

    def follow(self) -> None:
        """Have the replica follow the primary, from whatever it holds."""
        self.replica.config["replicaof"] = f"127.0.0.1 {self.primary.port}"
        self.replica.client().execute_command("REPLICAOF", "127.0.0.1", self.primary.port)

    def part(self) -> None:
        """Have the replica be a primary of its own."""
        self.replica.config.pop("replicaof", None)
        replication.promote(self.replica)

    def swap(self) -> None:
        """Make the replica the primary; the old one is told to follow if it runs."""
        self.part()
        self.primary, self.replica = self.replica, self.primary
        self.replica.config["replicaof"] = f"127.0.0.1 {self.primary.port}"
        if self.replica.running:
            self.follow()

    def is_linked(self) -> bool:
        """Whether the link is up."""
        told = replication.info(self.replica.client(), "replication")
        return bool(told.get("master_link_status") == "up")

    # Settings and life

    def set(self, server: Server, name: str, value: str | int) -> None:
        """Set what a restart keeps."""
        server.client().config_set(name, value)
        server.config[name] = value

    def kill(self, server: Server) -> None:
        """End a server at once."""
        self.count(server)
        server.kill9()

    def count(self, server: Server) -> None:
        """Add up what a server counted of itself, which ends with it."""
        self.figures["ends"] += 1
        for section, names in COUNTED.items():
            told = replication.info(server.client(), section)
            for name in names:
                self.figures[name.removeprefix("ratelimit_")] += int(told[name])


def told(server: Server, section: str, name: str) -> int:
    """One number of INFO."""
    return int(replication.info(server.client(), section)[name])


def keeps_aof(server: Server) -> bool:
    """Whether a restart reads an AOF."""
    return server.config.get("appendonly") == "yes"


def is_rewriting(server: Server) -> bool:
    """Whether an AOF is written anew, or will be soon."""
    return bool(
        told(server, "persistence", "aof_rewrite_in_progress")
        or told(server, "persistence", "aof_rewrite_scheduled")
    )


def is_saving(server: Server) -> bool:
    """Whether a child writes an RDB."""
    return bool(told(server, "persistence", "rdb_bgsave_in_progress"))
