"""`redis-rl watch` on a real terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from suite.tools.live import tool
from suite.tools.takeover import no_takeover
from suite.tools.terminal import Terminal
from support.cluster import PRIMARIES, Cluster, asked, tags
from support.eventually import eventually
from support.pool import NewServer
from support.server import Server

HOSTILE = b"mail:\x1b[2J\x1b[31mevil\x07\r\n\xe2\x80\xaegnp\x9b5m\xff"
HARMLESS = "mail:[2J[31mevilgnp\ufffd5m\ufffd"
LIMITS = "TOKEN 3 1 1s, FIXED 1000 1h"


def url(server: Server, user: str = "") -> str:
    return f"redis://{user}127.0.0.1:{server.port}"


def name(server: Server) -> str:
    return f"127.0.0.1:{server.port}"


def deny(server: Server, key: str | bytes, times: int = 1) -> None:
    with server.raw() as raw:
        for _ in range(times):
            raw("RL.FIXED", key, 0, "1m")


def use(server: Server) -> None:
    """A policy in use, and some who are denied."""
    with server.raw() as raw:
        raw("RL.POLICY", "SET", "api", "TOKEN", 3, 1, "1s", "FIXED", 1000, "1h")
        for _ in range(5):
            raw("RL.LIMIT", "user:42", "POLICY", "api")
    deny(server, "login:bob", 7)
    deny(server, HOSTILE, 4)
    deny(server, "x" * 900, 3)


def rows(screen: str) -> list[list[str]]:
    """The words of the rows below the heading of keys."""
    lines = screen.splitlines()
    heads = [place for place, line in enumerate(lines) if re.search(r"change +key", line)]
    return [line.split() for line in lines[heads[0] + 1 : -1] if line.strip()] if heads else []


def shows_rows(terminal: Terminal, *expected: list[str]) -> None:
    """Wait until the first rows are these; a screen may be seen while it is drawn."""
    seen: list[list[str]] = []

    def shown() -> bool:
        seen[:] = rows(terminal.screen())[: len(expected)]
        return seen == list(expected)

    try:
        eventually(shown)
    except TimeoutError:
        assert seen == list(expected)


def test_a_screen_of_80_by_24(new_server: NewServer) -> None:
    server = new_server()
    use(server)
    # What is shown for one interval must be seen within it, on a busy machine, too.
    with Terminal("watch", url(server), "--interval", "5s") as terminal:
        screen = terminal.shows("login:bob", "0.0 allowed/s, 0.0 denied/s", "q quit")
        lines = screen.splitlines()
        assert len(lines) == 24
        assert lines[0].startswith(f" redis-rl watch  {name(server)}")
        assert "3 allowed, 16 denied, 0 errors" in screen
        assert re.search(r"memory +[\d.]+ MB, \d keys", screen)
        assert re.search(r"^api +0\.0 +0\.0 +2 +0 TOKEN 3 1 1s, ?F?", screen, re.MULTILINE)
        shows_rows(terminal, ["7", "login:bob"], ["4", HARMLESS], ["3", "x" * 58], ["2", "user:42"])

        # History, rates and changes move with what happens.
        deny(server, "login:bob")
        terminal.shows("+1 login:bob", "█", "denied/s (100.0%)")
        eventually(lambda: "0.0 allowed/s, 0.0 denied/s" in terminal.screen())
        shows_rows(terminal, ["8", "login:bob"])
        terminal.press("q")
        assert terminal.ended() == 0


def test_a_wide_screen_has_policies_and_keys_side_by_side(new_server: NewServer) -> None:
    server = new_server()
    use(server)
    with Terminal("watch", url(server), width=160, height=50) as terminal:
        screen = terminal.shows("login:bob", LIMITS)
        [heading] = [line for line in screen.splitlines() if "policy" in line]
        assert re.search(r"policy.*limits.*denied.*change.*key", heading)
        # And it follows the window.
        terminal.resize(80, 24)
        narrow = re.compile(r"^ *denied +change key", re.MULTILINE)
        eventually(lambda: narrow.search(terminal.screen()))
        for width, height in ((20, 6), (3, 2), (100, 30)):
            terminal.resize(width, height)
        terminal.shows("login:bob")
        terminal.press("C-c")
        assert terminal.ended() == 0


def test_s_sorts(new_server: NewServer) -> None:
    server = new_server()
    deny(server, "busy", 9)
    deny(server, "ann", 5)
    with Terminal("watch", url(server), "--interval", "60m") as terminal:
        terminal.shows("by denied")
        shows_rows(terminal, ["9", "busy"], ["5", "ann"])
        terminal.press("s")
        terminal.shows("by change")
        terminal.press("s")
        terminal.shows("by name")
        shows_rows(terminal, ["5", "ann"], ["9", "busy"])
        terminal.press("s")
        terminal.shows("by denied")


def test_r_resets_only_after_a_yes(new_server: NewServer) -> None:
    server = new_server()
    deny(server, "busy", 9)
    with Terminal("watch", url(server), "--interval", "60m") as terminal:
        terminal.shows("busy", "r reset RL.TOP")
        for no in ("n", "q", "Enter", "r"):
            terminal.press("r")
            terminal.shows("y yes")
            terminal.press(no)
            terminal.shows("q quit")
        assert asked(server, "RL.TOP") == [[b"busy", 9]]
        terminal.press("r")
        terminal.shows("y yes")
        terminal.press("y")
        terminal.shows("RL.TOP was reset")
        # It is asked again at once, whatever the interval.
        eventually(lambda: "busy" not in terminal.screen())
        assert asked(server, "RL.TOP") == []


def test_a_server_that_dies_and_comes_back(new_server: NewServer) -> None:
    server = new_server()
    use(server)
    with Terminal("watch", url(server), "--interval", "200ms") as terminal:
        terminal.shows("login:bob")
        server.kill9()
        screen = terminal.shows(f"{name(server)} is away: ")
        assert "login:bob" not in screen
        server.start()
        deny(server, "login:carol", 2)
        screen = terminal.shows("login:carol", "0 allowed, 2 denied")
        assert "is away" not in screen
        terminal.press("q")
        assert terminal.ended() == 0


def test_it_begins_where_nobody_is_yet(new_server: NewServer) -> None:
    server = new_server()
    server.kill9()
    with Terminal("watch", url(server), "--interval", "200ms") as terminal:
        terminal.shows(f"{name(server)} is away: Connection refused")
        server.start()
        terminal.shows("0 allowed, 0 denied")


def owned(primaries: Sequence[Server], cluster: Cluster) -> dict[int, str]:
    """A key for each primary, by its port."""
    slots = {cluster.owner(slot).port: slot for slot in (0, 6000, 12000)}
    return {node.port: f"{{{tags()[slots[node.port]]}}}k" for node in primaries}


def test_all_primaries_of_a_cluster_together(cluster: Cluster) -> None:
    primaries, replicas = cluster.nodes[:PRIMARIES], cluster.nodes[PRIMARIES:]
    key = owned(primaries, cluster)
    for count, node in enumerate(primaries, 2):
        asked(node, "RL.POLICY", "SET", "api", "FIXED", 0, "1m")
        for _ in range(count):
            asked(node, "RL.LIMIT", key[node.port], "POLICY", "api")
    with Terminal("watch", url(replicas[1]), "--interval", "200ms", width=120) as terminal:
        screen = terminal.shows("3 primaries: ", "0 allowed, 9 denied")
        assert all(name(node) in screen for node in primaries)
        counted = sorted(enumerate(primaries, 2), reverse=True)
        shows_rows(terminal, *([str(count), key[node.port]] for count, node in counted))
        assert re.search(r"^api .* 9 ", screen, re.MULTILINE)

        # One dies: the others are shown, until its replica has taken over.
        with no_takeover(replicas[0]):
            primaries[0].kill9()
            screen = terminal.shows(f"{name(primaries[0])} is away: ", "2 primaries: ")
            assert "0 allowed, 7 denied" in screen
        cluster.wait_for_takeover(replicas[0])
        screen = terminal.shows("3 primaries: ", name(replicas[0]))
        assert "is away" not in screen
        assert "0 allowed, 7 denied" in screen


def test_who_may_not_ask_for_keys_sees_the_rest(new_server: NewServer) -> None:
    server = new_server()
    use(server)
    with server.raw() as raw:
        raw("ACL", "SETUSER", "ann", "on", ">pw", "+info", "+rl.policy|dump", "+rl.policy")
    with Terminal("watch", url(server, "ann:pw@")) as terminal:
        screen = terminal.shows("RL.TOP cannot be shown: ", "3 allowed, 16 denied")
        assert "NOPERM" in screen
        assert re.search(r"^api ", screen, re.MULTILINE)
        terminal.press("r")
        terminal.press("y")
        terminal.shows(f"was not reset everywhere: {name(server)}: NOPERM")


def test_no_color_is_heeded(new_server: NewServer) -> None:
    server = new_server()
    use(server)
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        with Terminal("watch", url(server), "--interval", "1s", env=env) as terminal:
            terminal.shows("login:bob")
            deny(server, "login:bob")
            terminal.shows("█")
            assert terminal.coloured() is coloured


def test_once_prints_text_and_ends(new_server: NewServer) -> None:
    server = new_server()
    use(server)
    told = tool("watch", "--once", "--interval", "100ms", url(server))
    assert told.stderr == ""
    assert "\x1b" not in told.stdout
    lines = told.stdout.splitlines()
    assert lines[0].split() == ["server", name(server)]
    assert "now        0.0 allowed/s, 0.0 denied/s (0.0%)" in lines
    assert "in all     3 allowed, 16 denied, 0 errors" in lines
    [policy] = [line for line in lines if line.startswith("api ")]
    assert policy.split(maxsplit=6) == ["api", "0.0", "0.0", "3", "2", "0", LIMITS]
    top = [line.split() for line in lines[lines.index(policy) + 3 :]]
    assert top[:2] == [["7", "login:bob"], ["4", HARMLESS]]


def test_once_tells_who_is_away(cluster: Cluster) -> None:
    gone = cluster.nodes[0]
    cluster.nodes[PRIMARIES].kill9()
    gone.kill9()
    told = tool("watch", "--once", "--interval", "100ms", url(cluster.nodes[1]), code=1)
    assert f"{name(gone)}: " in told.stderr
    heads = [line.split()[0] for line in told.stdout.splitlines()[:3]]
    assert heads == ["primaries", "away", "now"]
    none = tool("watch", "--once", "--interval", "100ms", "redis://127.0.0.1:1", code=1)
    assert "127.0.0.1:1: Connection refused" in none.stderr


def test_it_needs_a_terminal(new_server: NewServer) -> None:
    told = tool("watch", url(new_server()), code=1)
    assert "--once" in told.stderr
    assert told.stdout == ""


@pytest.mark.parametrize("interval", ["0s", "1", "1h", "-1s", "61m", "99ms", "x"])
def test_a_wrong_interval_is_wrong_words(interval: str) -> None:
    assert "100ms to 60m" in tool("watch", f"--interval={interval}", code=2).stderr
