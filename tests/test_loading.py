"""The module comes into a server at start or later, stays, and says why where it cannot."""

from __future__ import annotations

import pytest

from support.paths import MODULE
from support.pool import NewServer
from support.resp import Failure, Status
from support.server import ServerFailed

pytestmark = pytest.mark.all_servers


def test_into_a_running_server(new_server: NewServer) -> None:
    server = new_server(module=None)
    with server.raw() as raw:
        assert isinstance(raw("RL.VERSION"), Failure)
        assert raw("MODULE", "LOAD", str(MODULE)) == Status("OK")
        assert raw("RL.FIXED", "k", 5, 10) == [1, 5, 4, 0, 10_000]
        assert raw("CL.THROTTLE", "t", 5, 1, 10) == [0, 6, 5, -1, 10]
        assert raw("TYPE", "k") == Status("ratelimit")


def test_once(new_server: NewServer) -> None:
    with new_server().raw() as raw:
        raw("RL.FIXED", "k", 5, 10)
        assert isinstance(raw("MODULE", "LOAD", str(MODULE)), Failure)
        assert raw("RL.FIXED", "k", 5, 10) == [1, 5, 3, 0, 10_000]


def test_it_stays_while_there_may_be_keys_of_its_type(new_server: NewServer) -> None:
    with new_server().raw() as raw:
        refused = raw("MODULE", "UNLOAD", "ratelimit")
        assert isinstance(refused, Failure)
        assert "data types" in refused.text
        assert raw("RL.FIXED", "k", 5, 10) == [1, 5, 4, 0, 10_000]


def test_it_takes_no_arguments(new_server: NewServer) -> None:
    with pytest.raises(ServerFailed, match="not loaded: the module takes no arguments"):
        new_server(module_args=["max-log-limit", "5"])
    server = new_server(module=None)
    with server.raw() as raw:
        assert isinstance(raw("MODULE", "LOAD", str(MODULE), "argument"), Failure)
        assert isinstance(raw("RL.VERSION"), Failure)
        assert raw("MODULE", "LOAD", str(MODULE)) == Status("OK")
        assert raw("RL.FIXED", "k", 5, 10) == [1, 5, 4, 0, 10_000]


def test_it_says_nothing_where_all_is_well(new_server: NewServer) -> None:
    server = new_server()
    assert "<ratelimit>" not in server.log()
    assert server.log().count("Module 'ratelimit' loaded") == 1
