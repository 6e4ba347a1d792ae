"""Two named policies, all that a server has, and a file of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from support.pool import NewServer
from support.server import Server

API = ["TOKEN 20 10 1s", "FIXED 1000 1h"]
SET_API = ("RL.POLICY", "SET", "api", "token", 20, 10, 1, "FIXED", 1000, "60m")
LOGIN = {"login": ["FIXED 5 1m"]}
BOTH = {"api": API, **LOGIN}


def dump(server: Server) -> object:
    """The policies of a server, by name."""
    with server.raw() as raw:
        text = raw("RL.POLICY", "DUMP")
    assert isinstance(text, bytes)
    return json.loads(text)


Policies = Mapping[str, Sequence[str]]

SAVES = {"save": "3600 1"}
"""Has a server save when it is stopped."""


class PolicyFile:
    """A policies file in a folder of the test's own."""

    def __init__(self, folder: Path, name: str, policies: Policies) -> None:
        self._path = folder / f"{name}.json"
        self.write(policies)

    def write(self, policies: Policies) -> None:
        """Make it hold these, and no others."""
        self._path.write_text(json.dumps(policies))

    @property
    def arguments(self) -> list[str]:
        """The words of loadmodule that name it."""
        return ["policies", str(self._path)]

    def server(self, new_server: NewServer, **options: Any) -> Server:
        """Start a server with it, which saves when it is stopped."""
        config = {**SAVES, **options.pop("config", {})}
        return new_server(config=config, module_args=self.arguments, **options)
