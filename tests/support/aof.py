"""An AOF that is written anew."""

from __future__ import annotations

from support import replication
from support.eventually import eventually
from support.server import Server


def rewrite_aof(server: Server) -> None:
    """Have the AOF written anew, and wait until it is."""
    server.client().execute_command("BGREWRITEAOF")
    wait_for_rewrite(server)


def wait_for_rewrite(server: Server) -> None:
    """Wait until no AOF is being written anew; the last one must have come out well."""

    def is_done() -> bool:
        told = replication.info(server.client(), "persistence")
        return not (told["aof_rewrite_in_progress"] or told["aof_rewrite_scheduled"])

    eventually(is_done)
    assert replication.info(server.client(), "persistence")["aof_last_bgrewrite_status"] == "ok"
