"""Policies with LEASE, SHADOW and BAN: as text, as JSON, in files and on replicas."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from support import replication
from support.lines import run
from support.policies import PolicyFile, dump
from support.pool import NewServer
from support.resp import Failure, RawConnection, Status
from support.server import Server, ServerFailed
from support.ways import WAYS

pytestmark = pytest.mark.all_servers

OK = Status("OK")
ALL = ["LEASE 2 10m", "SHADOW FIXED 20 1h", "TOKEN 9 1 1s", "SHADOW TOKEN 5 1 1s", "BAN 3 1m 5m 1d"]
POLICIES = {"all": ALL, "shut": ["BAN 10 15m 15m"], "tried": ["SHADOW LOG 3 90s"]}

# However they are written, this is how they are shown.
SPELLINGS = {
    "lease 2 600": "LEASE 2 10m",
    "Lease 0 1000ms": "LEASE 0 1s",
    "shadow fixed 20 3600": "SHADOW FIXED 20 1h",
    "SHADOW leaky 5 2 7d": "SHADOW LEAKY 5 2 1w",
    "ban 10 900s 15m 86400": "BAN 10 15m 15m 1d",
    "BAN 1000000 1ms 1500ms": "BAN 1000000 1ms 1500ms",
    # A longest ban that is the first says nothing.
    "BAN 3 60 300 5m": "BAN 3 1m 5m",
    "BAN 3 60 300 300001ms": "BAN 3 1m 5m 300001ms",
}


@pytest.fixture
def own(new_server: NewServer) -> Server:
    """A server of the test's own, with these policies."""
    server = new_server()
    with server.raw() as raw:
        assert raw("RL.POLICY", "LOAD", json.dumps(POLICIES)) == OK
    return server


@pytest.mark.parametrize("written", SPELLINGS)
def test_one_way_to_show_them(raw: RawConnection, written: str) -> None:
    shown = SPELLINGS[written]
    for setting in (
        ["RL.POLICY", "SET", "p", *written.split()],
        ["RL.POLICY", "LOAD", json.dumps({"p": [written]})],
        ["RL.POLICY", "LOAD", json.dumps({"p": [shown]})],
    ):
        assert raw(*setting) == OK
        assert raw("RL.POLICY", "GET", "p") == [shown.encode()]
        assert (
            raw("RL.POLICY", "DUMP") == json.dumps({"p": [shown]}, separators=(",", ":")).encode()
        )
        assert raw("RL.POLICY", "DEL", "p") == 1


def test_the_order_of_clauses_is_kept(own: Server) -> None:
    with own.raw() as raw:
        assert raw("RL.POLICY", "LIST") == [b"all", b"shut", b"tried"]
        assert raw("RL.POLICY", "GET", "all") == [clause.encode() for clause in ALL]
        text = raw("RL.POLICY", "DUMP")
        assert isinstance(text, bytes)
        assert json.loads(text) == POLICIES
        assert raw("RL.POLICY", "SET", "all", *" ".join(ALL).split()) == OK
        assert raw("RL.POLICY", "DUMP") == text
        assert raw("RL.POLICY", "LOAD", text) == OK
        assert raw("RL.POLICY", "DUMP") == text


def test_a_call_that_names_one_is_the_call_with_its_clauses(own: Server) -> None:
    with own.raw() as raw:
        for ending in ("ID a", "COST 9 ID b", "COST 2 ID c", "ID a", "COST 0 ID d"):
            named = run(raw, f"RL.LIMIT named FIXED 50 1h POLICY all POLICY tried {ending}")
            written = " ".join(["FIXED 50 1h", *ALL, *POLICIES["tried"]])
            assert named == run(raw, f"RL.LIMIT written {written} {ending}"), ending
            assert isinstance(named, list)
            assert len(named) == 5, "what is on trial does not show"
        assert run(raw, "RL.PEEK named") == run(raw, "RL.PEEK written")
        both = run(raw, "RL.ALL x POLICY all AND y POLICY all COST 2 ID z")
        assert both == run(raw, f"RL.ALL v {' '.join(ALL)} AND w {' '.join(ALL)} COST 2 ID z")


def test_a_change_counts_at_once(own: Server) -> None:
    with own.raw() as raw:
        line = "RL.LIMIT k FIXED 0 1h POLICY shut"
        for left in (10, 9):
            assert run(raw, line) == [0, [0, 0, 0, -1, 0], [1, 10, left, 0, 900_000]]
        raw("RL.POLICY", "SET", "shut", "BAN", 5, "1s", "1s")
        # The window goes by the numbers with which it began.
        assert run(raw, line) == [0, [0, 0, 0, -1, 0], [1, 5, 8, 0, 900_000]]


@pytest.mark.parametrize(("config", "goes_through"), WAYS.values(), ids=WAYS)
def test_they_outlive_a_restart(
    new_server: NewServer, config: dict[str, str], goes_through: Callable[[Server], None]
) -> None:
    server = new_server(config=config)
    with server.raw() as raw:
        raw("RL.POLICY", "SET", "all", *" ".join(ALL).split())
        raw("RL.POLICY", "LOAD", json.dumps({"shut": POLICIES["shut"], "tried": ["FIXED 1 1s"]}))
        raw("RL.POLICY", "SET", "tried", "shadow", "log", 3, 90)
    goes_through(server)
    assert dump(server) == POLICIES


def test_replicas_have_them(own: Server, new_server: NewServer) -> None:
    # Their own settings do not count.
    replica = new_server(module_args=["lease-max-limit", "1", "log-max-limit", "1"])
    replication.attach(replica, own)
    assert dump(replica) == POLICIES
    with own.raw() as raw:
        raw("RL.POLICY", "SET", "more", "LEASE", 7, "1m", "SHADOW", "LOG", 7, "1m")
        replication.wait_in_sync(own, replica)
    replication.promote(replica)
    assert dump(replica) == {**POLICIES, "more": ["LEASE 7 1m", "SHADOW LOG 7 1m"]}


def test_a_file_brings_them(new_server: NewServer, tmp_path: Path) -> None:
    file = PolicyFile(tmp_path, "policies", POLICIES)
    server = file.server(new_server)
    assert dump(server) == POLICIES
    file.write({"shut": ["BAN 1 1 1 2"]})
    server.restart()
    assert dump(server) == {**POLICIES, "shut": ["BAN 1 1s 1s 2s"]}


@pytest.mark.parametrize(
    ("clauses", "reason"),
    [
        (["SHADOW BAN 1 1m 1m"], "SHADOW must be followed by"),
        (["BAN 1 1m 1m 1s"], "max must be at least the ban"),
        (["LEASE 1 1m", "LEASE 2 2m"], "clause 2 is a second LEASE"),
        (["LEASE 10001 1m"], "limit must be an integer from 0 to 10000,"),
    ],
)
def test_a_bad_file_stops_the_load(
    new_server: NewServer, tmp_path: Path, clauses: list[str], reason: str
) -> None:
    with pytest.raises(ServerFailed, match=reason):
        PolicyFile(tmp_path, "policies", {"p": clauses}).server(new_server)


def test_the_largest_limits_are_asked_of_who_sets_them(new_server: NewServer) -> None:
    server = new_server(module_args=["lease-max-limit", "3", "log-max-limit", "5"])
    with server.raw() as raw:
        run(raw, "RL.POLICY SET p LEASE 3 1m SHADOW LOG 5 1m FIXED 9 1m")
        for clause, most in (("LEASE 4 1m", 3), ("SHADOW LOG 6 1m", 5)):
            sentence = f"clause 1: limit must be an integer from 0 to {most},"
            set_, loaded = (
                run(raw, f"RL.POLICY SET q {clause}"),
                raw("RL.POLICY", "LOAD", json.dumps({"q": [clause]})),
            )
            for refused in (set_, loaded):
                assert isinstance(refused, Failure)
                assert sentence in refused.text
        raw("CONFIG", "SET", "ratelimit.lease-max-limit", 1)
        raw("CONFIG", "SET", "ratelimit.log-max-limit", 1)
        # What was accepted once stays in force.
        reply = run(raw, "RL.LIMIT k POLICY p ID a")
        assert reply == [1, [1, 3, 2, 0, 60_000], [1, 9, 8, 0, 60_000]]
        raw("RL.POLICY", "SET", "more", "LEASE", 1, "1m")
        raw("DEBUG", "RELOAD")
        assert raw("RL.POLICY", "LIST") == [b"more", b"p"]
