"""What one client can make the server do for it, and make everybody wait for, is bounded."""

from __future__ import annotations

import itertools
import json

import pytest

from support import payload
from support.clock import START_MS
from support.pool import NewServer
from support.resp import Argument, Failure, RawConnection, Status

pytestmark = pytest.mark.all_servers

OK = Status("OK")
MEGABYTE = 1 << 20
LONGEST_JSON = 4 * MEGABYTE
HUGE = "x" * (3 * MEGABYTE)
DAY_MS = 86_400_000

CALLS: dict[str, tuple[Argument, ...]] = {
    "a name to GET by LIMIT": ("RL.LIMIT", "k", "POLICY", HUGE),
    "a name to SET": ("RL.POLICY", "SET", HUGE, "FIXED", 5, "1m"),
    "bytes to SET": ("RL.POLICY", "SET", b"\xff" * MEGABYTE, "FIXED", 5, "1m"),
    "a word for a clause": ("RL.POLICY", "SET", "a", HUGE, 5, "1m"),
    "a number": ("RL.FIXED", "k", "9" * MEGABYTE, "1m"),
    "a number with zeros": ("RL.FIXED", "k", "0" * MEGABYTE, "1m"),
    "a period": ("RL.FIXED", "k", 5, "1" * MEGABYTE + "ms"),
    "a period's suffix": ("RL.FIXED", "k", 5, "1ms" + HUGE),
    "an option": ("RL.FIXED", "k", 5, "1m", HUGE),
    "a cost": ("RL.FIXED", "k", 5, "1m", "COST", HUGE),
    "a quantity": ("RL.THROTTLE", "k", 5, 5, 5, HUGE),
    "an option of RL.TOP": ("RL.TOP", HUGE),
    "a count of RL.TOP": ("RL.TOP", "COUNT", HUGE),
    "an effect": ("RL.APPLY", "k", HUGE),
    "no JSON": ("RL.POLICY", "LOAD", HUGE),
    "bytes to LOAD": ("RL.POLICY", "LOAD", b"\xff" * MEGABYTE),
}
JSON = {
    "a name": json.dumps({HUGE: ["FIXED 5 1m"]}),
    "a name without clauses": json.dumps({HUGE: []}),
    "a name of no list": json.dumps({HUGE: 5}),
    "a name twice": f'{{"{HUGE[:MEGABYTE]}": ["FIXED 5 1m"], "{HUGE[:MEGABYTE]}": ["FIXED 5 1m"]}}',
    "an algorithm": json.dumps({"a": [HUGE]}),
    "a number": json.dumps({"a": [f"FIXED {HUGE} 1m"]}),
    "words after a clause": json.dumps({"a": [f"FIXED 5 1m {HUGE}"]}),
    "text for a list": json.dumps({"a": HUGE}),
    "text for all": json.dumps(HUGE),
    "quotes for a list": json.dumps({"a": '"`' * MEGABYTE}),
    "a number for a list": '{"a": ' + "1" * 300 + ".5}",
    "a number for a clause": '{"a": [1' + "0" * 300 + "]}",
    "a deep list": '{"a": ' + "[" * MEGABYTE + "}",
    "clauses": json.dumps({"a": ["FIXED 5 1m"] * 200_000}),
    "a tail": "{}" + HUGE,
    "characters of several bytes": json.dumps({"a": "\u20ac" * MEGABYTE}, ensure_ascii=False),
}


def longest_run(text: str) -> int:
    """How often a character of the text stands beside itself, at most."""
    longest = run = 0
    for before, after in itertools.pairwise(text):
        run = run + 1 if before == after else 0
        longest = max(longest, run + 1)
    return longest


def is_short(reply: object) -> None:
    """Check that an error repeats at most a hundred bytes, in one line of a few hundred."""
    assert isinstance(reply, Failure)
    assert len(reply.text) < 700, len(reply.text)
    assert longest_run(reply.text) <= 100, reply.text


@pytest.mark.parametrize("what", CALLS)
def test_an_error_repeats_little(raw: RawConnection, what: str) -> None:
    is_short(raw(*CALLS[what]))
    assert raw("RL.POLICY", "LIST") == []


@pytest.mark.parametrize("what", JSON)
def test_an_error_of_json_repeats_little(raw: RawConnection, what: str) -> None:
    assert len(JSON[what].encode()) <= LONGEST_JSON
    reply = raw("RL.POLICY", "LOAD", JSON[what])
    is_short(reply)
    assert isinstance(reply, Failure)
    assert reply.text.startswith("ERR json must be policies: ")
    assert raw("RL.POLICY", "LIST") == []


def test_load_reads_no_more_than_a_few_megabytes(raw: RawConnection) -> None:
    room = LONGEST_JSON - len('{"a":["FIXED 5 1m"]}')
    fits = '{"a":["FIXED 5 1m"]' + " " * room + "}"
    assert raw("RL.POLICY", "LOAD", fits) == OK
    for more in (1, 30 * MEGABYTE):
        refused = raw("RL.POLICY", "LOAD", fits + " " * more)
        told = f"ERR json must be at most {LONGEST_JSON} bytes, not {LONGEST_JSON + more}"
        assert refused == Failure(told)
    assert raw("RL.POLICY", "DEL", "a") == 1


def test_all_policies_that_there_may_be_fit_in_one_load(new_server: NewServer) -> None:
    def longest(period: int) -> str:
        return f"TOKEN 1000000000000 1000000000000 {31_622_399_999 - period}ms"

    clauses = [longest(period) for period in range(16)]
    policies = {f"{number:04}".ljust(64, "x"): clauses for number in range(4096)}
    with new_server().raw() as raw:
        assert raw("RL.POLICY", "LOAD", json.dumps(policies, separators=(",", ":"))) == OK
        dumped = raw("RL.POLICY", "DUMP")
        assert isinstance(dumped, bytes)
        assert json.loads(dumped) == policies
        assert raw("RL.POLICY", "LOAD", dumped) == OK
        one_more = json.dumps({"one-more": ["FIXED 5 1m"]})
        assert isinstance(raw("RL.POLICY", "LOAD", one_more), Failure)


# Logs


ENTRIES = 60_000
SEGMENT_BYTES = 64 * 8
FREED_AT_ONCE = 128


def usage(raw: RawConnection, key: str) -> int:
    """What a key takes."""
    used = raw("MEMORY", "USAGE", key, "SAMPLES", 0)
    assert isinstance(used, int)
    return used


@pytest.mark.parametrize("call", ["RL.LOG k 1000000 1d", "RL.LIMIT k SLIDING 5 1h"])
def test_a_log_that_has_emptied_is_freed_in_parts(new_server: NewServer, call: str) -> None:
    server = new_server()
    times = range(START_MS - ENTRIES, START_MS)
    emptied = payload.log(DAY_MS, 1_000_000, [(time, 1) for time in times])
    lasting = payload.fixed(30 * DAY_MS, 5, START_MS, 1)
    state = payload.effect_of_state(payload.state([lasting, emptied]), START_MS + 30 * DAY_MS)
    most = FREED_AT_ONCE * (SEGMENT_BYTES + 24) + 24 * ENTRIES // 64 + 1_000
    with server.raw() as raw:
        assert raw("RL.APPLY", "k", state) == OK
        before = usage(raw, "k")
        assert before > ENTRIES * 8
        server.clock.advance(DAY_MS)
        calls = 0
        while before > 2_000:
            # Another limiter each time, where it is new ones that push out the unused.
            words = [word.replace("1h", f"{calls + 1}h") for word in call.split()]
            reply = raw(*words)
            assert isinstance(reply, list)
            assert reply[0] == 1
            now = usage(raw, "k")
            assert before - now <= most
            before, calls = now, calls + 1
            assert calls <= 2 + ENTRIES // 64 // FREED_AT_ONCE
        assert calls >= ENTRIES // 64 // FREED_AT_ONCE
        assert raw("RL.LIMIT", "k", "FIXED", 5, "30d", "COST", 0)[0] == 1  # type: ignore[index]


def test_a_log_that_is_freed_in_parts_counts_as_ever(new_server: NewServer) -> None:
    server = new_server(config={"appendonly": "yes"})
    times = range(START_MS - ENTRIES, START_MS)
    emptied = payload.log(DAY_MS, 1_000_000, [(time, 1) for time in times])
    state = payload.effect_of_state(payload.state([emptied]), START_MS + DAY_MS)
    with server.raw() as raw:
        raw("RL.APPLY", "k", state)
        raw("PERSIST", "k")
        server.clock.advance(DAY_MS - ENTRIES // 2)
        left = 1_000_000 - ENTRIES // 2
        for calls in range(1, 12):
            server.clock.advance(1)
            # One more leaves with each millisecond, and one comes.
            told = raw("RL.LOG", "k", 1_000_000, "1d")
            assert isinstance(told, list)
            assert told[:2] == [1, 1_000_000]
            assert abs(int(str(told[2])) - left) <= 1, calls
        digest = raw("DEBUG", "DIGEST-VALUE", "k")
        server.clock.advance(-DAY_MS)
        before = usage(raw, "k")
        assert isinstance(raw("RL.LOG", "k", 1, "1d"), list)
        assert usage(raw, "k") > before // 2, "what is moved back is freed in parts, too"
        server.clock.advance(DAY_MS)
        assert raw("DEBUG", "DIGEST-VALUE", "k") != digest
        digest = raw("DEBUG", "DIGEST-VALUE", "k")
        raw("DEBUG", "LOADAOF")
        assert raw("DEBUG", "DIGEST-VALUE", "k") == digest


# RL.TOP


def used(raw: RawConnection) -> int:
    """What the server uses, without what it keeps for clients."""
    told = raw("INFO", "memory")
    assert isinstance(told, bytes)
    fields = dict(line.split(b":", 1) for line in told.splitlines() if b":" in line)
    return int(fields[b"used_memory"]) - int(fields[b"mem_clients_normal"])


def test_config_set_pays_for_a_larger_table(new_server: NewServer) -> None:
    with new_server().raw() as raw:
        raw("RL.FIXED", "first", 0, "1m")
        before = used(raw)
        assert raw("CONFIG", "SET", "ratelimit.top-size", 65_536) == OK
        paid = used(raw) - before
        # Two tables: of denied calls, and of limits on trial.
        assert 2 * 65_536 * 32 < paid < 2 * 65_536 * 128
        after = used(raw)
        raw.pipeline([["RL.FIXED", f"{number:08}", 0, "1m"] for number in range(20_000)])
        # Nothing but the names, each an allocation of its own.
        assert used(raw) - after < 20_000 * 40
        assert raw("CONFIG", "SET", "ratelimit.top-size", 0) == OK
        assert used(raw) < before + 100_000
