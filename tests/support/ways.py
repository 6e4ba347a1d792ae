"""What a server goes through, and must come out of with all that it held."""

from __future__ import annotations

from collections.abc import Callable

from support.aof import rewrite_aof
from support.server import Server

AOF = {"appendonly": "yes", "appendfsync": "always"}


def restarts(server: Server) -> None:
    """From an RDB file."""
    server.client().execute_command("SAVE")
    server.kill9()
    server.start()


def restarts_on_an_aof(server: Server) -> None:
    """In peace."""
    server.restart()


def restarts_on_a_rewritten_aof(server: Server) -> None:
    """In peace, after its rewriting."""
    rewrite_aof(server)
    server.restart()


def is_killed(server: Server) -> None:
    """Without a warning."""
    server.kill9()
    server.start()


def reloads(server: Server) -> None:
    """Without a restart."""
    server.client().execute_command("DEBUG", "RELOAD")


WAYS: dict[str, tuple[dict[str, str], Callable[[Server], None]]] = {
    "an RDB file": ({}, restarts),
    "DEBUG RELOAD": ({}, reloads),
    "an AOF": (AOF, restarts_on_an_aof),
    "a rewritten AOF": ({**AOF, "aof-use-rdb-preamble": "no"}, restarts_on_a_rewritten_aof),
    "an RDB preamble": ({**AOF, "aof-use-rdb-preamble": "yes"}, restarts_on_a_rewritten_aof),
    "kill -9": (AOF, is_killed),
}
