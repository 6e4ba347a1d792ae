"""Two named policies, and all that a server has."""

from __future__ import annotations

import json

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
