"""RL.THROTTLE and CL.THROTTLE: redis-cell's command and reply."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.clock import START_MS, Clock
from support.expiry import given_ms
from support.pool import NewServer
from support.resp import RawConnection
from support.verdicts import integers

pytestmark = pytest.mark.all_servers

STORY = [
    (0, "15 30 60", [0, 16, 15, -1, 2]),
    (0, "15 30 60 15", [0, 16, 0, -1, 32]),
    (0, "15 30 60", [1, 16, 0, 2, 32]),
    (0, "15 30 60 0", [0, 16, 0, -1, 32]),
    (0, "15 30 60 16", [1, 16, 0, 32, 32]),
    (0, "15 30 60 17", [1, 16, 0, -1, 32]),
    (1, "15 30 60 1", [1, 16, 0, 2, 32]),
    (999, "15 30 60 1", [1, 16, 0, 2, 32]),
    (1_000, "15 30 60 1", [1, 16, 0, 1, 31]),
    (1_001, "15 30 60 1", [1, 16, 0, 1, 31]),
    (1_999, "15 30 60 1", [1, 16, 0, 1, 31]),
    (2_000, "15 30 60 1", [0, 16, 0, -1, 32]),
    (34_000, "15 30 60 0", [0, 16, 16, -1, 0]),
    (34_000, "0 1 1", [0, 1, 0, -1, 1]),
    (34_000, "0 1 1", [1, 1, 0, 1, 1]),
    (34_001, "0 1 1", [1, 1, 0, 1, 1]),
]

OTHER_MODULE = """
/* A module that owns NAME already. */
typedef int (*command)(void *ctx, void **argv, int argc);
static int (*reply_with_long_long)(void *ctx, long long value);

static int throttle(void *ctx, void **argv, int argc) {
    (void)argv;
    (void)argc;
    return reply_with_long_long(ctx, 42);
}

int RedisModule_OnLoad(void *ctx, void **argv, int argc) {
    int (*get_api)(const char *name, void *pointer) = *(void **)ctx;
    void (*set_module_attribs)(void *ctx, const char *name, int version, int api_version);
    int (*create_command)(void *, const char *, command, const char *, int, int, int);
    (void)argv;
    (void)argc;
    get_api("RedisModule_SetModuleAttribs", &set_module_attribs);
    get_api("RedisModule_CreateCommand", &create_command);
    get_api("RedisModule_ReplyWithLongLong", &reply_with_long_long);
    set_module_attribs(ctx, NAME "-owner", 1, 1);
    return create_command(ctx, NAME, throttle, "write", 1, 1, 1);
}
"""

both_names = pytest.mark.parametrize("name", ["RL.THROTTLE", "CL.THROTTLE", "cl.throttle"])


@both_names
def test_seconds_are_rounded_up(raw: RawConnection, clock: Clock, name: str) -> None:
    for at_ms, words, expected in STORY:
        clock.set_ms(START_MS + at_ms)
        key = "burst0" if words.startswith("0") else "k"
        assert raw(name, key, *words.split()) == expected, f"{words} at {at_ms} ms"


@both_names
def test_a_quantity_above_the_capacity_is_limited_for_ever(raw: RawConnection, name: str) -> None:
    assert raw(name, "k", 4, 1, 1, 6) == [1, 5, 5, -1, 0]
    assert raw("DBSIZE") == 0


@both_names
def test_quantity_0_looks(raw: RawConnection, name: str) -> None:
    assert raw(name, "k", 4, 1, 1, 0) == [0, 5, 5, -1, 0]
    assert raw("DBSIZE") == 0
    raw(name, "k", 4, 1, 1, 5)
    before = raw("DUMP", "k"), raw("PTTL", "k")
    assert raw(name, "k", 4, 1, 1, 0) == [0, 5, 0, -1, 5]
    assert raw(name, "k", 2, 1, 1, 0) == [1, 3, 0, 2, 5], "a lowered burst is exceeded"
    assert (raw("DUMP", "k"), raw("PTTL", "k")) == before


def test_it_is_rl_token_on_the_same_key(raw: RawConnection) -> None:
    assert raw("CL.THROTTLE", "k", 9, 2, "1s", 3) == [0, 10, 7, -1, 2]
    assert raw("RL.TOKEN", "k", 10, 2, "1s", "COST", 2) == [1, 10, 5, 0, 2_500]
    assert raw("RL.THROTTLE", "k", 9, 2, 1) == [0, 10, 4, -1, 3]
    assert raw("RL.LIMIT", "k", "TOKEN", 10, 2, "1000ms") == [1, [1, 10, 3, 0, 3_500]]
    assert raw("RL.PEEK", "k") == [[b"token", 10, 2, 1_000, 3, 0, 3_500]]
    assert raw("PTTL", "k") == given_ms(3_500)


def test_a_period_may_have_a_suffix(raw: RawConnection) -> None:
    assert raw("RL.THROTTLE", "k", 0, 1, "1500ms") == [0, 1, 0, -1, 2]
    assert raw("RL.THROTTLE", "k", 0, 1, "1500ms") == [1, 1, 0, 2, 2]
    assert raw("RL.THROTTLE", "d", 0, 1, "1d") == [0, 1, 0, -1, 86_400]


def test_the_largest_numbers(raw: RawConnection) -> None:
    huge = (10**12 - 1, 1, "366d", 10**12)
    assert raw("RL.THROTTLE", "k", *huge) == [0, 10**12, 0, -1, 2**53 - 1]
    assert raw("RL.THROTTLE", "k", *huge) == [1, 10**12, 0, 2**53 - 1, 2**53 - 1]
    # Below that, seconds are exact where milliseconds no longer fit.
    level = 284_836 * 3
    seconds = level * 366 * 86_400
    assert seconds * 1_000 > 2**53
    assert raw("RL.THROTTLE", "j", 10**12 - 1, 1, "366d", level) == [
        *(0, 10**12, 10**12 - level, -1),
        seconds,
    ]


def test_a_client_that_waits_as_told_is_let_in(raw: RawConnection, clock: Clock) -> None:
    denials = 0
    for _ in range(200):
        limited, _, _, retry_s, _ = integers(raw("CL.THROTTLE", "k", 2, 7, 10))
        if limited:
            denials += 1
            clock.advance(retry_s * 1_000)
            assert integers(raw("CL.THROTTLE", "k", 2, 7, 10))[0] == 0
        clock.advance(37)
    assert denials > 50


@pytest.mark.parametrize("names", ["CL.THROTTLE", "RL.THROTTLE", "RL.THROTTLE CL.THROTTLE"])
def test_where_another_owns_the_name_it_keeps_it(
    new_server: NewServer, tmp_path: Path, names: str
) -> None:
    taken = names.split()
    modules = [other_module(tmp_path, name) for name in taken]
    server = new_server(config={"loadmodule": modules})
    with server.raw() as raw:
        reply = raw("RL.HELP")
        assert isinstance(reply, list)
        listed = {str(getattr(line, "text", "")).split(" ")[0] for line in reply}
        for name in ("RL.THROTTLE", "CL.THROTTLE"):
            is_taken = name in taken
            assert (f"{name} is another's" in server.log()) == is_taken
            assert raw(name, name, 15, 30, 60) == (42 if is_taken else [0, 16, 15, -1, 2])
            assert (name in listed) != is_taken
        assert raw("RL.FIXED", "k", 1, 1) == [1, 1, 0, 0, 1_000]


def other_module(folder: Path, name: str) -> str:
    """Where a module lies that has a command of that name, and a name of its own."""
    source, made = folder / f"{name}.c", folder / f"{name}.so"
    source.write_text(OTHER_MODULE)
    define = f'-DNAME="{name.lower()}"'
    subprocess.run(["cc", "-shared", "-fPIC", define, "-o", made, source], check=True)
    return str(made)
