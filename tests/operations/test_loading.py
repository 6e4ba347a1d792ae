"""The module comes into a server at start or later, stays, and says why where it cannot."""

from __future__ import annotations

import re

import pytest

from support import replication
from support.kinds import Kind
from support.paths import MODULE
from support.pool import NewServer
from support.resp import Failure, Status
from support.server import Server, ServerFailed

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


def test_it_declares_to_do_with_nothing_but_what_it_knows(
    new_server: NewServer, kind: Kind
) -> None:
    """No save and no synchronisation without a fork, above all: nobody would be heard to begin."""
    known = {"handle-io-errors", "handle-repl-async-load", "no-implicit-signal-modified"}
    if kind.moves_slots_whole:
        known.add("handle-atomic-slot-migration")
    with new_server().raw() as raw:
        told = raw("INFO", "modules")
    assert isinstance(told, bytes)
    found = re.search(r"^module:name=ratelimit,.*options=\[(.*?)\]", told.decode(), re.MULTILINE)
    assert found
    assert set(found.group(1).split("|")) == known


ARGUMENTS = {
    "top-size 5": ("ratelimit.top-size", b"5"),
    "top-size 0": ("ratelimit.top-size", b"0"),
    "top-size 65536": ("ratelimit.top-size", b"65536"),
    "log-max-limit 1": ("ratelimit.log-max-limit", b"1"),
    "LOG-MAX-LIMIT 10000000": ("ratelimit.log-max-limit", b"10000000"),
    "receipts-max 0": ("ratelimit.receipts-max", b"0"),
    "receipts-max 100000": ("ratelimit.receipts-max", b"100000"),
    "notify-denied yes": ("ratelimit.notify-denied", b"yes"),
    "notify-denied YES top-size 7": ("ratelimit.notify-denied", b"yes"),
    "notify-denied no": ("ratelimit.notify-denied", b"no"),
    "count-evictions yes": ("ratelimit.count-evictions", b"yes"),
    "fast-replies no": ("ratelimit.fast-replies", b"no"),
}
ANY_OF = (
    "log-max-limit, lease-max-limit, receipts-max, top-size, notify-denied, count-evictions, "
    "fast-replies, policies"
)
REFUSED = {
    "size 5": f"unknown argument 'size', it may be one of: {ANY_OF}",
    "ratelimit.top-size 5": f"unknown argument 'ratelimit.top-size', it may be one of: {ANY_OF}",
    "top-size": "argument top-size needs a value",
    "top-size 5 notify-denied": "argument notify-denied needs a value",
    "top-size 5 Top-Size 5": "argument Top-Size is given twice",
    **{
        f"top-size {bad}": f"top-size must be an integer from 0 to 65536, not '{bad}'"
        for bad in ("65537", "-1", "+1", "05", "5k", "1e3", "18446744073709551616", "no")
    },
    "receipts-max 100001": "receipts-max must be an integer from 0 to 100000, not '100001'",
    "log-max-limit 0": "log-max-limit must be an integer from 1 to 10000000, not '0'",
    "log-max-limit 10000001": "log-max-limit must be an integer from 1 to 10000000, not '10000001'",
    "notify-denied 1": "notify-denied must be yes or no, not '1'",
    "notify-denied on": "notify-denied must be yes or no, not 'on'",
}


def refusals(server: Server) -> list[str]:
    """The lines of the log in which the module says why it is not loaded."""
    return [row for row in server.log().splitlines() if "<ratelimit> not loaded: " in row]


@pytest.mark.parametrize("line", ARGUMENTS)
def test_with_arguments(new_server: NewServer, line: str) -> None:
    name, value = ARGUMENTS[line]
    with new_server(module_args=line.split()).raw() as raw:
        assert raw("CONFIG", "GET", name) == [name.encode(), value]
        assert raw("RL.FIXED", "k", 5, 10) == [1, 5, 4, 0, 10_000]


def test_not_with_bad_arguments(new_server: NewServer) -> None:
    server = new_server(module=None)
    with server.raw() as raw:
        for line, why in REFUSED.items():
            assert isinstance(raw("MODULE", "LOAD", str(MODULE), *line.split()), Failure), line
            last = refusals(server)[-1]
            assert last.endswith(f"<ratelimit> not loaded: {why}"), line
        for odd, shown in ((b"\xff\r\n", "'\ufffd\\r\\n'"), (b"x" * 5_000, "'xxx"), (b"", "''")):
            assert isinstance(raw("MODULE", "LOAD", str(MODULE), odd), Failure)
            last = refusals(server)[-1]
            assert f"<ratelimit> not loaded: unknown argument {shown}" in last
        assert isinstance(raw("RL.VERSION"), Failure)


def test_not_at_start_with_bad_arguments(new_server: NewServer) -> None:
    with pytest.raises(ServerFailed, match="not loaded: top-size must be an integer"):
        new_server(module_args=["top-size", "many"])


def test_a_refused_load_leaves_nothing_behind(new_server: NewServer) -> None:
    server = new_server(module=None)
    with server.raw() as raw:
        for _ in range(3):
            refused = ("MODULE", "LOAD", str(MODULE), "top-size", 5, "notify-denied", "maybe")
            assert isinstance(raw(*refused), Failure)
        replication.attach(new_server(), server)
        assert raw("MODULE", "LOAD", str(MODULE)) == Status("OK")
        assert raw("CONFIG", "GET", "ratelimit.top-size") == [b"ratelimit.top-size", b"128"]
        assert raw("RL.FIXED", "k", 5, 10) == [1, 5, 4, 0, 10_000]
        told = raw("INFO", "ratelimit")
        assert isinstance(told, bytes)
        assert b"decisions_allowed:1\r\n" in told


def test_it_says_nothing_of_its_own_where_all_is_well(new_server: NewServer) -> None:
    server = new_server()
    assert re.findall(r"<ratelimit> (.*)", server.log()) == []
    assert server.log().count("Module 'ratelimit' loaded") == 1
