"""What a disturbance acts on: the servers, the load, and what must come of it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from soak.ledger import Ledger
from soak.load import Load
from soak.pair import Pair, is_rewriting, is_saving, keeps_aof
from support.eventually import eventually
from support.server import Server

Disturb = Callable[["Scene"], None]

SLOW_US = 2_000
"""How long a child takes for each key, for it to be met at work."""


@dataclass
class Scene:
    """All that there is; `random` decides what a disturbance leaves open."""

    pair: Pair
    load: Load
    ledger: Ledger
    random: random.Random

    def until_idle(self, server: Server) -> None:
        """Make calls until no child of a server writes anything."""
        self.load.until(lambda: not (is_rewriting(server) or is_saving(server)))

    def until_linked(self) -> None:
        """Make calls until the replica's link is up."""
        self.load.until(self.pair.is_linked)

    @contextmanager
    def slow_children(self, server: Server) -> Iterator[None]:
        """Have the children of a server take their time."""
        self.pair.set(server, "rdb-key-save-delay", SLOW_US)
        try:
            yield
        finally:
            self.pair.set(server, "rdb-key-save-delay", 0)

    def cut_off(self, server: Server) -> None:
        """Kill a server amid a burst."""

        def kill() -> None:
            # Some calls are then answered, some are done, some never arrive.
            time.sleep(self.random.random() / 100)
            server.kill9()

        self.pair.count(server)
        self.load.burst_that_is_cut_off(kill)

    def start(self, server: Server) -> None:
        """Start it again; calls go to the primary."""
        server.start()
        if server is self.pair.primary:
            self.load.turn_to(server)

    def kill_primary(self) -> None:
        """Kill the primary amid calls and start it; with an AOF it may have lost nothing."""
        primary = self.pair.primary
        self.cut_off(primary)
        self.start(primary)
        if keeps_aof(primary):
            self.ledger.check(primary)
        else:
            self.ledger.adopt(primary)
        if self.pair.attached:
            self.until_linked()

    def wait_for_no_child(self, server: Server) -> None:
        """Wait until no child of a server writes anything, without calls."""
        eventually(lambda: not (is_rewriting(server) or is_saving(server)))
