"""Who starts the servers: a pool of shared ones, and a factory of a test's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.clock import START_MS, Clock
from support.kinds import Kind
from support.server import Server, ServerFailed


class Pool:
    """The shared servers, one of a kind for as long as it lives."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._servers: dict[str, Server] = {}
        self._started = 0

    def get(self, kind: Kind) -> Server:
        """Answer the kind's server: no keys, functions, policies, and its clock at the start."""
        server = self._servers.get(kind.name)
        if server is None or not server.running:
            self._started += 1
            folder = self._folder / f"{kind.name}-{self._started}"
            folder.mkdir()
            server = Server(kind, folder, clock=Clock(folder / "clock"))
            server.start()
            self._servers[kind.name] = server
        server.clock.set_ms(START_MS)
        with server.raw() as connection:
            *_, policies = connection.pipeline(
                [
                    ["FLUSHALL"],
                    ["SCRIPT", "FLUSH"],
                    ["FUNCTION", "FLUSH"],
                    ["CONFIG", "RESETSTAT"],
                    ["RL.TOP", "RESET"],
                    ["RL.TOP", "SHADOW", "RESET"],
                    ["RL.POLICY", "LIST"],
                ]
            )
            if isinstance(policies, list) and policies:
                connection("RL.POLICY", "DEL", *(one for one in policies if isinstance(one, bytes)))
        return server

    def drop(self, server: Server) -> None:
        """Forget a server that did not come out of a test well; the next one gets another."""
        self._servers = {name: one for name, one in self._servers.items() if one is not server}
        server.close()

    def close(self) -> None:
        """End them all."""
        for server in list(self._servers.values()):
            self.drop(server)


class NewServer:
    """Starts servers for one test; called with what Server takes, but for kind and folder."""

    def __init__(self, kind: Kind, folder: Path, shown: list[Server]) -> None:
        self.kind = kind
        self._folder = folder
        self._shown = shown
        self._started: list[Server] = []

    def __call__(self, **options: Any) -> Server:
        """Start one. It has a clock of its own at START_MS unless `clock` says otherwise."""
        folder = self._folder / f"server-{len(self._started)}"
        folder.mkdir()
        options.setdefault("clock", Clock(folder / "clock"))
        server = Server(self.kind, folder, **options)
        self._started.append(server)
        self._shown.append(server)
        server.start()
        return server

    def close(self) -> None:
        """Check and end them all; the first that did not come out well is an error."""
        failures = []
        for server in self._started:
            try:
                server.close()
            except ServerFailed as failure:
                failures.append(failure)
        if failures:
            raise failures[0]
