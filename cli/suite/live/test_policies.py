"""`redis-rl policies`: those of a file against those of every primary."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from suite.tools.live import tool
from suite.tools.terminal import Terminal
from support.cluster import PRIMARIES, Cluster, asked
from support.pool import NewServer
from support.resp import Status
from support.server import Server

WANTED = {
    "api": ["fixed 6 60", "TOKEN 20 10 1s"],
    "new": ["Log 3 3600"],
    "same": ["leaky 5 1 1000ms"],
}
SPELLED = {"api": ["FIXED 6 1m", "TOKEN 20 10 1s"], "new": ["LOG 3 1h"], "same": ["LEAKY 5 1 1s"]}
BEFORE = {"api": ["FIXED 5 1m"], "old": ["SLIDING 7 1w"], "same": ["LEAKY 5 1 1s"]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with WANTED."""
    file = tmp_path / "policies.json"
    file.write_text(json.dumps(WANTED))
    return file


@pytest.fixture
def single(new_server: NewServer) -> Server:
    """A server of the test's own with BEFORE."""
    server = new_server()
    load(server, BEFORE)
    return server


def load(server: Server, policies: Mapping[str, Sequence[str]]) -> None:
    with server.raw() as raw:
        assert raw("RL.POLICY", "LOAD", json.dumps(policies)) == Status("OK")


def policies_of(server: Server) -> object:
    return json.loads(asked(server, "RL.POLICY", "DUMP"))


def url(server: Server, user: str = "") -> str:
    return f"redis://{user}127.0.0.1:{server.port}"


def name(server: Server) -> str:
    return f"127.0.0.1:{server.port}"


def test_diff_tells_what_differs_and_changes_nothing(single: Server, file: Path) -> None:
    told = tool("policies", "diff", file, url(single), code=1)
    assert told.stdout.splitlines() == [
        f"{name(single)}: 1 to add, 1 to change, 1 to remove",
        "  + new: LOG 3 1h",
        "  ~ api: FIXED 5 1m -> FIXED 6 1m, TOKEN 20 10 1s",
        "  - old: SLIDING 7 1w",
    ]
    assert told.stderr == ""
    assert policies_of(single) == BEFORE


def test_colours_are_for_terminals(single: Server, file: Path) -> None:
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        with Terminal("policies", "diff", str(file), url(single), env=env, width=120) as terminal:
            terminal.shows("- old: SLIDING 7 1w", "ended")
            assert terminal.coloured() is coloured


def test_diff_ends_with_0_where_only_the_spelling_differs(single: Server, file: Path) -> None:
    with single.raw() as raw:
        raw("RL.POLICY", "DEL", "old")
    load(single, SPELLED)
    told = tool("policies", "diff", file, url(single))
    assert told.stdout == f"{name(single)}: no difference\n"


def test_apply_adds_and_changes_and_removes_only_when_told(single: Server, file: Path) -> None:
    told = tool("policies", "apply", file, url(single))
    assert told.stdout.splitlines()[0] == f"{name(single)}: 1 added, 1 changed"
    assert policies_of(single) == {**SPELLED, "old": BEFORE["old"]}
    left = tool("policies", "diff", file, url(single), code=1)
    assert left.stdout.splitlines()[0] == f"{name(single)}: 1 to remove"

    told = tool("policies", "apply", "--prune", file, url(single))
    assert told.stdout.splitlines()[0] == f"{name(single)}: 1 removed"
    assert policies_of(single) == SPELLED
    tool("policies", "diff", file, url(single))
    again = tool("policies", "apply", file, url(single))
    assert again.stdout == f"{name(single)}: nothing to do\n"


def test_apply_leaves_the_counts_of_what_stays_the_same(single: Server, file: Path) -> None:
    with single.raw() as raw:
        raw("RL.LIMIT", "k", "POLICY", "same")
        tool("policies", "apply", file, url(single))
        assert b"ratelimit_policy_same_allowed:1" in bytes(raw("INFO", "ratelimit"))  # type: ignore[arg-type]


def test_all_primaries_are_found_from_any_node(cluster: Cluster, file: Path) -> None:
    primaries, replicas = cluster.nodes[:PRIMARIES], cluster.nodes[PRIMARIES:]
    load(primaries[1], SPELLED)
    load(primaries[2], BEFORE)
    told = tool("policies", "diff", file, url(replicas[0]), code=1).stdout
    heads = [line for line in told.splitlines() if not line.startswith(" ")]
    assert sorted(heads) == sorted(
        [
            f"{name(primaries[0])}: 3 to add",
            f"{name(primaries[1])}: no difference",
            f"{name(primaries[2])}: 1 to add, 1 to change, 1 to remove",
        ]
    )
    tool("policies", "apply", "--prune", file, url(replicas[2]))
    assert [policies_of(node) for node in primaries] == [SPELLED] * PRIMARIES
    tool("policies", "diff", file, url(primaries[0]))


def test_nothing_is_applied_anywhere_while_a_primary_is_away(cluster: Cluster, file: Path) -> None:
    gone = cluster.nodes[0]
    # Its replica would take over.
    cluster.nodes[PRIMARIES].kill9()
    gone.kill9()
    load(cluster.nodes[2], SPELLED)
    told = tool("policies", "apply", file, url(cluster.nodes[1]), code=1)
    have, lack = told.stderr.split("Lack it:")
    assert name(cluster.nodes[2]) in have
    assert name(gone) in lack
    assert f"{name(cluster.nodes[1])}: nothing was changed" in lack
    assert policies_of(cluster.nodes[1]) == {}
    assert name(gone) in tool("policies", "diff", file, url(cluster.nodes[1]), code=1).stderr


def test_where_it_stops_halfway_it_names_who_has_it(cluster: Cluster, file: Path) -> None:
    primaries = cluster.nodes[:PRIMARIES]
    # It takes no limit of the file, so it refuses LOAD.
    with primaries[1].raw() as raw:
        raw("CONFIG", "SET", "ratelimit.log-max-limit", 1)
    told = tool("policies", "apply", file, url(primaries[2]), code=1)
    have, lack = told.stderr.split("Lack it:")
    assert name(primaries[0]) in have
    assert name(primaries[2]) in have
    assert name(primaries[1]) not in have
    assert name(primaries[1]) in lack
    assert "limit must be an integer from 0 to 1" in lack
    assert [policies_of(node) for node in primaries] == [SPELLED, {}, SPELLED]

    with primaries[1].raw() as raw:
        raw("CONFIG", "SET", "ratelimit.log-max-limit", 1000)
    tool("policies", "apply", file, url(primaries[2]))
    tool("policies", "diff", file, url(primaries[0]))


def test_a_replica_is_not_a_place_for_policies(new_server: NewServer, file: Path) -> None:
    primary = new_server()
    replica = new_server(config={"replicaof": f"127.0.0.1 {primary.port}"})
    for word in ("diff", "apply"):
        told = tool("policies", word, file, url(replica), code=1)
        assert f"is a replica of {name(primary)}" in told.stderr


def test_users_and_passwords_are_those_of_the_url_or_of_the_environment(
    new_server: NewServer, file: Path
) -> None:
    server = new_server(config={"requirepass": "s3cret"})
    assert "NOAUTH" in tool("policies", "diff", file, url(server), code=1).stderr
    wrong = tool("policies", "diff", file, url(server, ":wrong@"), code=1)
    assert "password is wrong" in wrong.stderr
    assert "wrong@" not in wrong.stderr
    for address in (url(server, ":s3cret@"), url(server, "default:s3cret@")):
        assert "3 to add" in tool("policies", "diff", file, address, code=1).stdout
    told = tool("policies", "apply", file, url(server), env={"REDISCLI_AUTH": "s3cret"})
    assert "3 added" in told.stdout


def test_a_unix_socket_is_an_address(new_server: NewServer, tmp_path: Path, file: Path) -> None:
    socket = tmp_path / "s.sock"
    new_server(config={"unixsocket": str(socket)})
    told = tool("policies", "diff", file, f"unix://{socket}", code=1)
    assert told.stdout.startswith(f"{socket}: 3 to add")


@pytest.mark.parametrize(
    ("json_text", "reason"),
    [
        ('{"a": ["FIXED 5 1y"]}', "policy 'a': clause 1: period must be"),
        ('{"a": []}', "at least one clause"),
        ("[]", "an object of policies"),
        ("", "EOF"),
    ],
)
def test_a_wrong_file_is_refused_before_anybody_is_asked(
    tmp_path: Path, json_text: str, reason: str
) -> None:
    file = tmp_path / "wrong.json"
    file.write_text(json_text)
    for word in ("diff", "apply"):
        told = tool("policies", word, file, "redis://127.0.0.1:1", code=1)
        assert str(file) in told.stderr
        assert reason in told.stderr


@pytest.mark.parametrize("address", ["", "127.0.0.1:6379", "http://127.0.0.1", "redis://h/one"])
def test_a_wrong_url_is_wrong_words(file: Path, address: str) -> None:
    told = tool("policies", "diff", file, address, code=2)
    assert "redis://127.0.0.1:6379" in told.stderr


def test_who_does_not_answer_is_named(file: Path, tmp_path: Path) -> None:
    assert "127.0.0.1:1: " in tool("policies", "diff", file, "redis://127.0.0.1:1", code=1).stderr
    missing = tmp_path / "missing.json"
    assert str(missing) in tool("policies", "diff", missing, code=1).stderr


def test_what_would_come_of_a_server_without_the_module(new_server: NewServer, file: Path) -> None:
    told = tool("policies", "diff", file, url(new_server(module=None)), code=1)
    assert "unknown command" in told.stderr
