"""The settings: CONFIG, the configuration file, arguments of loadmodule, and which one wins."""

from __future__ import annotations

import shutil

import pytest

from support import replication
from support.kinds import FLOOR, Kind
from support.paths import MODULE
from support.pool import NewServer
from support.resp import Argument, Failure, RawConnection, Status
from support.server import ServerFailed
from support.verdicts import clauses, integers, rows

pytestmark = pytest.mark.all_servers

DEFAULTS = {
    "top-size": "128",
    "log-max-limit": "1000000",
    "lease-max-limit": "10000",
    "receipts-max": "1000",
    "notify-denied": "no",
    "count-evictions": "no",
    "fast-replies": "yes",
}
RANGES = {
    "top-size": (0, 65_536),
    "log-max-limit": (1, 10_000_000),
    "lease-max-limit": (1, 65_536),
    "receipts-max": (0, 100_000),
}
SWITCHES = [name for name, value in DEFAULTS.items() if value in ("yes", "no")]
OTHERS = {
    "top-size": "7",
    "log-max-limit": "70",
    "lease-max-limit": "71",
    "receipts-max": "17",
    "notify-denied": "yes",
    "count-evictions": "yes",
    "fast-replies": "no",
}
OK = Status("OK")


def settings(raw: RawConnection) -> dict[str, str]:
    """All settings of the module, as CONFIG GET tells them."""
    flat = raw("CONFIG", "GET", "ratelimit.*")
    assert isinstance(flat, list)
    words = [each.decode() for each in flat if isinstance(each, bytes)]
    names = [name.removeprefix("ratelimit.") for name in words[::2]]
    return dict(zip(names, words[1::2], strict=True))


def set_to(raw: RawConnection, **values: object) -> None:
    """Set one or more, whose names have an underscore here."""
    for name, value in values.items():
        assert raw("CONFIG", "SET", f"ratelimit.{name.replace('_', '-')}", str(value)) == OK


# Set and read


def test_the_defaults(raw: RawConnection) -> None:
    assert settings(raw) == DEFAULTS


@pytest.mark.parametrize("name", RANGES)
def test_a_number_and_its_range(new_server: NewServer, name: str) -> None:
    least, most = RANGES[name]
    full = f"ratelimit.{name}"
    with new_server().raw() as raw:
        for good in (least, most, least + 1, most - 1):
            assert raw("CONFIG", "SET", full, good) == OK
            assert settings(raw) == {**DEFAULTS, name: str(good)}
        before = settings(raw)
        for bad in (least - 1, most + 1, 10**30):
            refused = raw("CONFIG", "SET", full, bad)
            assert isinstance(refused, Failure)
            assert full in refused.text
            if bad < 2**63:
                assert f"must be between {least} and {most} inclusive" in refused.text
        for odd in ("", "x", "1.5", "1 ", "yes"):
            refused = raw("CONFIG", "SET", full, odd)
            assert isinstance(refused, Failure)
            assert full in refused.text
        assert settings(raw) == before


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch(new_server: NewServer, name: str) -> None:
    full = f"ratelimit.{name}"
    with new_server().raw() as raw:
        for good in ("yes", "no", "YES"):
            assert raw("CONFIG", "SET", full, good) == OK
            assert settings(raw) == {**DEFAULTS, name: good.lower()}
        for bad in ("", "1", "on", "yess"):
            refused = raw("CONFIG", "SET", full, bad)
            assert isinstance(refused, Failure)
            assert "must be 'yes' or 'no'" in refused.text
        assert settings(raw) == {**DEFAULTS, name: "yes"}


def test_several_at_once_or_none(new_server: NewServer) -> None:
    both = ("CONFIG", "SET", "ratelimit.top-size", "9", "ratelimit.log-max-limit")
    with new_server().raw() as raw:
        assert isinstance(raw(*both, "0"), Failure)
        assert settings(raw) == DEFAULTS
        assert raw(*both, "90") == OK
        assert settings(raw) == {**DEFAULTS, "top-size": "9", "log-max-limit": "90"}


def test_an_unknown_one(raw: RawConnection) -> None:
    assert raw("CONFIG", "GET", "ratelimit.size") == []
    assert isinstance(raw("CONFIG", "SET", "ratelimit.size", 1), Failure)


# Where they come from


def rewritten(new_server: NewServer, **values: object) -> dict[str, str]:
    """What a server has that starts on the file which another wrote after it was set so."""
    first = new_server(module_args=["top-size", "5"])
    with first.raw() as raw:
        set_to(raw, **values)
        assert raw("CONFIG", "REWRITE") == OK
    kept = shutil.copy(first.folder / "server.conf", first.folder / "kept.conf")
    first.stop()
    with new_server(module=None, config={"include": str(kept)}).raw() as raw:
        return settings(raw)


def test_rewrite_keeps_what_was_set(new_server: NewServer) -> None:
    others = {name.replace("-", "_"): value for name, value in OTHERS.items()}
    assert rewritten(new_server, **others) == OTHERS


def test_rewrite_keeps_the_argument(new_server: NewServer) -> None:
    assert rewritten(new_server) == {**DEFAULTS, "top-size": "5"}


def test_rewrite_keeps_a_default_that_was_set_over_an_argument(new_server: NewServer) -> None:
    assert rewritten(new_server, top_size=128) == DEFAULTS
    assert rewritten(new_server, top_size=5) == {**DEFAULTS, "top-size": "5"}


def test_lines_of_the_configuration(new_server: NewServer) -> None:
    lines = {f"ratelimit.{name}": value for name, value in OTHERS.items()}
    with new_server(config=lines).raw() as raw:
        assert settings(raw) == OTHERS
    # Words of the command line follow the file, and so the line that loads the module.
    words = [word for name, value in lines.items() for word in (f"--{name}", value)]
    with new_server(arguments=words).raw() as raw:
        assert settings(raw) == OTHERS


def test_a_line_wins_over_an_argument_and_config_set_over_both(new_server: NewServer) -> None:
    arguments = ["top-size", "5", "log-max-limit", "50"]
    server = new_server(config={"ratelimit.top-size": 6}, module_args=arguments)
    with server.raw() as raw:
        assert settings(raw) == {**DEFAULTS, "top-size": "6", "log-max-limit": "50"}
        set_to(raw, top_size=7, log_max_limit=70)
        assert settings(raw) == {**DEFAULTS, "top-size": "7", "log-max-limit": "70"}
    server.restart()
    with server.raw() as raw:
        assert settings(raw) == {**DEFAULTS, "top-size": "6", "log-max-limit": "50"}


@pytest.mark.parametrize(
    "line",
    [
        "top-size 65537",
        "log-max-limit 0",
        "lease-max-limit 65537",
        "receipts-max 100001",
        *(f"{name} maybe" for name in SWITCHES),
    ],
)
def test_a_bad_line_stops_the_server(new_server: NewServer, line: str) -> None:
    name, value = line.split()
    with pytest.raises(ServerFailed, match=f"ratelimit.{name}"):
        new_server(config={f"ratelimit.{name}": value})


def test_an_unknown_line_stops_the_server(new_server: NewServer) -> None:
    with pytest.raises(
        ServerFailed, match=r"ratelimit\.size|Module Configuration detected without"
    ):
        new_server(config={"ratelimit.size": 1})


def test_loadex(new_server: NewServer) -> None:
    load = ("MODULE", "LOADEX", str(MODULE))
    one, other = ("CONFIG", "ratelimit.top-size", 7), ("CONFIG", "ratelimit.log-max-limit", 70)
    third = ("CONFIG", "ratelimit.receipts-max", 17, "CONFIG", "ratelimit.lease-max-limit", 71)
    switches = [word for name in SWITCHES for word in (name, OTHERS[name])]
    arguments: tuple[Argument, ...] = ("ARGS", "top-size", 5, *switches)
    with new_server(module=None).raw() as raw:
        for bad in (("CONFIG", "ratelimit.top-size", 65_537), (*one, "ARGS", "size", 1)):
            assert isinstance(raw(*load, *bad), Failure), bad
            assert isinstance(raw("RL.VERSION"), Failure), bad
        assert raw(*load, *one, *other, *third, *arguments) == OK
        assert settings(raw) == OTHERS
        assert raw("RL.FIXED", "k", 5, 10) == [1, 5, 4, 0, 10_000]


def test_loadex_of_an_unknown_one(new_server: NewServer, kind: Kind) -> None:
    if kind.is_valkey:
        pytest.skip("Valkey crashes, with any module that has a type, as docs/operations.md says")
    with new_server(module=None).raw() as raw:
        refused = raw("MODULE", "LOADEX", str(MODULE), "CONFIG", "ratelimit.size", 1)
        assert isinstance(refused, Failure)
        # Redis 7.0 refuses, and yet keeps it.
        assert isinstance(raw("RL.VERSION"), Failure) == (kind.name != FLOOR)


# What log-max-limit does


def test_the_largest_limit_of_a_log(new_server: NewServer) -> None:
    refused = "limit must be an integer from 0 to 10, without sign or leading zero, not '11'"
    with new_server().raw() as raw:
        set_to(raw, log_max_limit=10)
        assert raw("RL.LOG", "k", 10, "1m") == [1, 10, 9, 0, 60_000]
        assert raw("RL.LOG", "k", 11, "1m") == Failure(f"ERR {refused}")
        assert raw("RL.LIMIT", "k", "LOG", 11, "1m") == Failure(f"ERR clause 1: {refused}")
        assert raw("RL.LIMIT", "k", "FIXED", 11, "1m", "LOG", 11, "1m") == Failure(
            f"ERR clause 2: {refused}"
        )
        for name in ("RL.FIXED", "RL.SLIDING"):
            assert integers(raw(name, "k", 10**12, "1m"))[0] == 1
        set_to(raw, log_max_limit=11)
        assert raw("RL.LOG", "k", 11, "1m") == [1, 11, 9, 0, 60_000]


def test_a_log_above_a_lowered_maximum_goes_on(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw:
        raw("RL.LOG", "k", 100, "1m", "COST", 30)
        server.clock.advance(10_000)
        raw("RL.LOG", "k", 100, "1m", "COST", 9)
        set_to(raw, log_max_limit=10)
        assert rows(raw("RL.PEEK", "k"))[0][1:5] == [100, 100, 60_000, 61]
        assert isinstance(raw("RL.LOG", "k", 100, "1m"), Failure)
        assert raw("RL.LOG", "k", 10, "1m") == [0, 10, 0, 50_000, 60_000]
        assert clauses(raw("RL.LIMIT", "k", "LOG", 10, "1m"))[0] == 0
        raw("DEBUG", "RELOAD")
        server.clock.advance(50_000)
        assert raw("RL.LOG", "k", 10, "1m") == [1, 10, 0, 0, 60_000]
        assert raw("RL.LOG", "k", 10, "1m") == [0, 10, 0, 10_000, 60_000]


def test_a_raised_maximum_is_nothing_to_who_only_holds_it(new_server: NewServer) -> None:
    most = 10_000_000
    primary = new_server(module_args=["log-max-limit", str(most)])
    replica = new_server(module_args=["log-max-limit", "1"])
    with primary.raw() as raw, replica.raw() as reading:
        raw("RL.LOG", "old", most, "1d", "COST", most - 1)
        replication.attach(replica, primary)
        assert raw("RL.LOG", "old", most, "1d") == [1, most, 0, 0, 86_400_000]
        assert raw("RL.LOG", "new", most, "1d", "COST", most)[:3] == [1, most, 0]  # type: ignore[index]
        replication.wait_in_sync(primary, replica)
        for key in ("old", "new"):
            assert reading("RL.PEEK", key) == raw("RL.PEEK", key)
        digest = raw("DEBUG", "DIGEST")
        assert reading("DEBUG", "DIGEST") == digest
        reading("DEBUG", "RELOAD")
        assert reading("DEBUG", "DIGEST") == digest
