"""Every error: its whole text, and that the keyspace is as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support import replication
from support.effects import effects
from support.keyspace import snapshot
from support.pool import NewServer
from support.resp import Argument, Failure, RawConnection, Status
from support.verdicts import integers, rows

pytestmark = pytest.mark.all_servers

TRILLION = 10**12
SINGLE = ("RL.FIXED", "RL.SLIDING", "RL.LOG", "RL.TOKEN", "RL.LEAKY")
CONSUMING = (*SINGLE, "RL.LIMIT", "RL.THROTTLE", "CL.THROTTLE")

WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"
COST_ALONE = f"ERR COST must be followed by an integer from 0 to {TRILLION}"
ID_ALONE = "ERR ID must be followed by an id of 1 to 64 bytes"
KEEP_ALONE = "ERR KEEP must be followed by a period from 1ms to 1d"
ONLY_KEEP = "only KEEP period may follow ID id"
AFTER_KEEP = "nothing may follow KEEP period"
ALGORITHMS = "FIXED, SLIDING, LOG, TOKEN or LEAKY"
BEGINNINGS = "FIXED, SLIDING, LOG, TOKEN, LEAKY, LEASE, SHADOW, BAN or POLICY"
AFTER_PERIOD = "only COST n and ID id may follow the period"

BAD_NUMBERS: list[bytes] = [
    *(b"", b"-1", b"+1", b"-0", b"00", b"01", b"1.0", b"1e3", b" 1", b"1 ", b"0x1", b"x", b"NaN"),
    *(b"1000000000001", b"9223372036854775807", b"9223372036854775808"),
    *(b"18446744073709551616", b"18446744073709551617", b"9" * 64, b"9" * 65, b"7" * 5_000),
    *("\u0663".encode(), b"1\x00", b"\xff\xfe", b"1\r\n", b"'1'", b'"1"', b"\\1", b"COST"),
]
BAD_PERIODS: list[bytes] = [
    *(b"", b"0", b"0ms", b"0d", b"00s", b"01s", b"-1", b"+1", b"-1s", b"1S", b"1M", b"1MS", b"1Ms"),
    *(b"1y", b"1mo", b"ms", b"s", b"1m1s", b"1.5s", b"1 s", b" 1s", b"1s ", b"1sms", b"1us"),
    *(b"367d", b"53w", b"31622401", b"31622401s", b"31622400001ms", b"8785h", b"527041m"),
    *(b"9223372036854775807w", b"18446744073709551615", b"9" * 70, b"1\x00s", b"\xff", b"COST"),
]

NUMERIC = [b"%c" % sign for sign in b"0123456789+-."]

# Each numeric argument of each command: where it stands (?), its name, its least and its most.
NUMBERS: list[tuple[str, str, int, int]] = [
    ("RL.FIXED k ? 10", "limit", 0, TRILLION),
    ("RL.SLIDING k ? 10", "limit", 0, TRILLION),
    ("RL.LOG k ? 10", "limit", 0, 1_000_000),
    ("RL.TOKEN k ? 1 10", "capacity", 0, TRILLION),
    ("RL.TOKEN k 1 ? 10", "refill", 1, TRILLION),
    ("RL.LEAKY k ? 1 10", "capacity", 0, TRILLION),
    ("RL.LEAKY k 1 ? 10", "leak", 1, TRILLION),
    ("RL.THROTTLE k ? 1 10", "max_burst", 0, TRILLION - 1),
    ("RL.THROTTLE k 1 ? 10", "count", 1, TRILLION),
    ("RL.THROTTLE k 1 1 10 ?", "quantity", 0, TRILLION),
    ("CL.THROTTLE k ? 1 10", "max_burst", 0, TRILLION - 1),
    ("CL.THROTTLE k 1 ? 10", "count", 1, TRILLION),
    ("CL.THROTTLE k 1 1 10 ?", "quantity", 0, TRILLION),
    ("RL.FIXED k 1 10 COST ?", "COST", 0, TRILLION),
    ("RL.SLIDING k 1 10 cost ?", "COST", 0, TRILLION),
    ("RL.LOG k 1 10 Cost ?", "COST", 0, TRILLION),
    ("RL.TOKEN k 1 1 10 COST ?", "COST", 0, TRILLION),
    ("RL.LEAKY k 1 1 10 COST ?", "COST", 0, TRILLION),
    ("RL.LIMIT k FIXED 1 10 COST ?", "COST", 0, TRILLION),
    ("RL.FIXED k 1 10 COST ? ID a", "COST", 0, TRILLION),
    ("RL.SETTLE k a ?", "cost", 0, TRILLION),
    ("RL.TOP COUNT ?", "COUNT", 0, TRILLION),
    ("RL.TOP count ? RESET", "COUNT", 0, TRILLION),
    ("RL.LIMIT k FIXED ? 10", "clause 1: limit", 0, TRILLION),
    ("RL.LIMIT k FIXED 1 9 SLIDING ? 10", "clause 2: limit", 0, TRILLION),
    ("RL.LIMIT k LOG ? 10 FIXED 1 10", "clause 1: limit", 0, 1_000_000),
    ("RL.LIMIT k TOKEN ? 1 10", "clause 1: capacity", 0, TRILLION),
    ("RL.LIMIT k TOKEN 1 ? 10", "clause 1: refill", 1, TRILLION),
    ("RL.LIMIT k LEAKY ? 1 10", "clause 1: capacity", 0, TRILLION),
    ("RL.LIMIT k LEAKY 1 ? 10", "clause 1: leak", 1, TRILLION),
    ("RL.LEASE k ? 10 a", "limit", 0, 10_000),
    ("RL.LEASE k 1 10 a COST ?", "COST", 0, TRILLION),
    ("RL.LIMIT k FIXED 1 10 LEASE ? 10 ID a", "clause 2: limit", 0, 10_000),
    ("RL.LIMIT k SHADOW FIXED ? 10", "clause 1: limit", 0, TRILLION),
    ("RL.LIMIT k FIXED 1 10 SHADOW LOG ? 10", "clause 2: limit", 0, 1_000_000),
    ("RL.LIMIT k SHADOW TOKEN 1 ? 10", "clause 1: refill", 1, TRILLION),
    ("RL.LIMIT k SHADOW LEAKY ? 1 10", "clause 1: capacity", 0, TRILLION),
    ("RL.LIMIT k FIXED 1 10 BAN ? 10 10", "clause 2: refusals", 1, 1_000_000),
    ("RL.LIMIT k BAN ? 10 10 20 FIXED 1 10", "clause 1: refusals", 1, 1_000_000),
    ("RL.TOP SHADOW COUNT ?", "COUNT", 0, TRILLION),
]
BAD_KEEPS: list[bytes] = [*BAD_PERIODS, b"25h", b"2d", b"86401", b"86400001ms", b"1w"]
KEEPS = (
    *(f"{name} k 1 10 ID a KEEP ?" for name in SINGLE[:3]),
    *(f"{name} k 1 1 10 COST 0 ID a keep ?" for name in SINGLE[3:]),
    "RL.LIMIT k FIXED 1 10 ID a KEEP ?",
)
# Each place of an id.
BAD_IDS: list[bytes] = [b"", b"x" * 65, b"\xff" * 66, b"x" * 5_000]
IDS = (
    *(f"{name} k 1 10 ID ?" for name in SINGLE[:3]),
    *(f"{name} k 1 1 10 COST 0 ID ? KEEP 10" for name in SINGLE[3:]),
    "RL.LIMIT k FIXED 1 10 COST 1 ID ?",
    "RL.SETTLE k ? 1",
    "RL.LEASE k 1 10 ?",
    "RL.RENEW k 10 a ? b",
    "RL.RELEASE k a ? b",
    "RL.LIMIT k LEASE 1 10 SHADOW FIXED 1 10 BAN 1 10 10 ID ?",
)
PERIODS: list[tuple[str, str]] = [
    *((f"{name} k 1 ?", "period") for name in ("RL.FIXED", "RL.SLIDING", "RL.LOG")),
    *((f"{name} k 1 1 ?", "period") for name in ("RL.TOKEN", "RL.LEAKY")),
    *((f"{name} k 1 1 ?", "period") for name in ("RL.THROTTLE", "CL.THROTTLE")),
    ("RL.FIXED k 1 ? COST 1", "period"),
    ("RL.LIMIT k FIXED 1 ?", "clause 1: period"),
    ("RL.LIMIT k FIXED 1 10 TOKEN 1 1 ? COST 1", "clause 2: period"),
    ("RL.LEASE k 1 ? a", "duration"),
    ("RL.RENEW k ? a", "duration"),
    ("RL.LIMIT k LEASE 1 ? ID a", "clause 1: duration"),
    ("RL.LIMIT k SHADOW FIXED 1 ?", "clause 1: period"),
    ("RL.LIMIT k FIXED 1 10 SHADOW TOKEN 1 1 ? COST 1", "clause 2: period"),
    ("RL.LIMIT k FIXED 1 10 BAN 1 ? 10", "clause 2: period"),
    ("RL.LIMIT k FIXED 1 10 BAN 1 10 ? 10", "clause 2: ban"),
    ("RL.LIMIT k FIXED 1 10 BAN 1 10 1ms ?", "clause 2: max"),
    ("RL.LIMIT k BAN 1 10 1ms ? FIXED 1 10", "clause 1: max"),
]

SENTENCES: dict[str, str] = {
    **{f"{name} k 1 10 COST": COST_ALONE for name in SINGLE[:3]},
    **{f"{name} k 1 1 10 COST": COST_ALONE for name in SINGLE[3:]},
    "RL.LIMIT k FIXED 1 10 COST": COST_ALONE,
    "RL.FIXED k 1 10 5": f"ERR unexpected argument '5', {AFTER_PERIOD}",
    "RL.LOG k 1 10 COSTS 1": f"ERR unexpected argument 'COSTS', {AFTER_PERIOD}",
    "RL.TOKEN k 1 1 10 1s": f"ERR unexpected argument '1s', {AFTER_PERIOD}",
    "RL.LEAKY k 1 1 10 COST 1 2": "ERR unexpected argument '2', only ID id may follow COST n",
    "RL.FIXED k 1 10 COST 1 COST 1": "ERR unexpected argument 'COST', only ID id may follow COST n",
    **{f"{name} k 1 10 ID": ID_ALONE for name in SINGLE[:3]},
    **{f"{name} k 1 1 10 COST 1 id": ID_ALONE for name in SINGLE[3:]},
    "RL.LIMIT k FIXED 1 10 ID": ID_ALONE,
    "RL.FIXED k 1 10 ID a KEEP": KEEP_ALONE,
    "RL.LIMIT k FIXED 1 10 COST 1 ID a KEEP": KEEP_ALONE,
    "RL.FIXED k 1 10 KEEP 10": f"ERR unexpected argument 'KEEP', {AFTER_PERIOD}",
    "RL.LOG k 1 10 COST 1 KEEP 9": "ERR unexpected argument 'KEEP', only ID id may follow COST n",
    **{
        f"{call} ID a {more}": f"ERR unexpected argument '{more.split()[0]}', {ONLY_KEEP}"
        for call in ("RL.FIXED k 1 10", "RL.TOKEN k 1 1 10 COST 2", "RL.LIMIT k FIXED 1 10")
        for more in ("COST 1", "ID b", "b", "LOG 1 10")
    },
    **{
        f"RL.FIXED k 1 10 ID a KEEP 10 {more}": f"ERR unexpected argument '{more}', {AFTER_KEEP}"
        for more in ("KEEP", "COST", "ID", "10")
    },
    "RL.THROTTLE k 1 1 1 1 ID a": "ERR unexpected argument 'ID', nothing may follow quantity",
    "CL.THROTTLE k 1 1 1 1 ID a": "ERR unexpected argument 'ID', nothing may follow quantity",
    **{
        f"{name} k 1 1 1 ID a": f"ERR quantity must be an integer from 0 to {TRILLION}, "
        "without sign or leading zero, not 'ID'"
        for name in ("RL.THROTTLE", "CL.THROTTLE")
    },
    "RL.PEEK k ID a": "ERR wrong number of arguments for 'rl.peek' command",
    "RL.THROTTLE k 1 1 1 1 1": "ERR unexpected argument '1', nothing may follow quantity",
    "CL.THROTTLE k 1 1 1 1 COST 1": "ERR unexpected argument 'COST', nothing may follow quantity",
    "RL.LIMIT k NONE 1 10": f"ERR clause 1 must begin with {BEGINNINGS}, not 'NONE'",
    "RL.LIMIT k FIXED 1 10 20": (
        f"ERR clause 2 must begin with {BEGINNINGS}, or be COST n or ID id and come last, not '20'"
    ),
    "RL.LIMIT k COST 1 FIXED 1 10": (
        f"ERR at least one clause must come before COST and ID, and begin with {BEGINNINGS}"
    ),
    "RL.LIMIT k ID a FIXED 1 10": (
        f"ERR at least one clause must come before COST and ID, and begin with {BEGINNINGS}"
    ),
    "RL.LIMIT k FIXED 1 10 COST 1 LOG 1 10": (
        "ERR unexpected argument 'LOG', only ID id may follow COST n"
    ),
    "RL.LIMIT k FIXED 1 10 FIXED 1": "ERR clause 2 is incomplete, it must be FIXED limit period",
    "RL.LIMIT k FIXED 1 10 log": "ERR clause 2 is incomplete, it must be LOG limit period",
    "RL.LIMIT k sliding 1 10 SLIDING": (
        "ERR clause 2 is incomplete, it must be SLIDING limit period"
    ),
    "RL.LIMIT k TOKEN 5 1": "ERR clause 1 is incomplete, it must be TOKEN capacity refill period",
    "RL.LIMIT k LEAKY 5 1": "ERR clause 1 is incomplete, it must be LEAKY capacity leak period",
    "RL.LIMIT k FIXED 1 10 LOG 1 10 FIXED 2 10s": (
        "ERR clause 3 has the same algorithm and period as clause 1, each limiter may be named once"
    ),
    "RL.LIMIT k TOKEN 1 1 60 token 2 2 1m": (
        "ERR clause 2 has the same algorithm and period as clause 1, each limiter may be named once"
    ),
    "RL.LIMIT k " + " ".join(f"FIXED 1 {n}" for n in range(1, 18)): (
        "ERR too many clauses, a call may have at most 16"
    ),
    "RL.TOP COUNT 1 COUNT 2": "ERR unexpected argument 'COUNT', only RESET may follow COUNT n",
    "RL.TOP COUNT 1 1": "ERR unexpected argument '1', only RESET may follow COUNT n",
    "RL.TOP 10": (
        "ERR unexpected argument '10', it may be SHADOW, COUNT n or RESET, in this order"
    ),
    "RL.TOP RESET COUNT 1": "ERR unexpected argument 'COUNT', nothing may follow RESET",
    "RL.TOP RESET RESET": "ERR unexpected argument 'RESET', nothing may follow RESET",
    "RL.TOP COUNT": (
        f"ERR COUNT must be an integer from 0 to {TRILLION}, without sign or leading zero, not ''"
    ),
    "RL.APPLY k effect": "ERR effect must be one that this module has made, and fit the key",
}

ARITY: dict[str, tuple[int, int]] = {
    **dict.fromkeys(SINGLE[:3], (3, 99)),
    **dict.fromkeys((*SINGLE[3:], "RL.THROTTLE", "CL.THROTTLE"), (4, 99)),
    "RL.LIMIT": (3, 99),
    "RL.SETTLE": (3, 3),
    "RL.LEASE": (4, 99),
    "RL.RENEW": (3, 99),
    "RL.RELEASE": (2, 99),
    "RL.PEEK": (1, 1),
    "RL.APPLY": (2, 2),
    "RL.HELP": (0, 0),
    "RL.VERSION": (0, 0),
}
"""How many words may follow each command at least, and at most where there is a bound."""


def quoted(word: bytes) -> str:
    """How an error repeats a word: in ASCII, in one line, not all of a long one."""
    special = {0x09: r"\t", 0x0A: r"\n", 0x0D: r"\r", 0x22: r"\"", 0x27: r"\'", 0x5C: r"\\"}
    shown = "".join(
        special.get(byte) or (chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}")
        for byte in word[:64]
    )
    return f"'{shown}{'...' if len(word) > 64 else ''}'"


def words_of(line: str, argument: bytes) -> list[Argument]:
    """The line's words, with `argument` in the place of the question mark."""
    return [argument if word == "?" else word for word in line.split()]


def number_cases() -> Iterator[tuple[list[Argument], str]]:
    for line, name, least, most in NUMBERS:
        for bad in [*BAD_NUMBERS, b"%d" % (most + 1), *([b"0"] if least else [])]:
            yield (
                words_of(line, bad),
                f"ERR {name} must be an integer from {least} to {most}, "
                f"without sign or leading zero, not {quoted(bad)}",
            )


def period_cases() -> Iterator[tuple[list[Argument], str]]:
    for line, name in PERIODS:
        # Behind the ban of a BAN, only what begins as a number does is its max.
        is_max = name.endswith("max")
        for bad in [each for each in BAD_PERIODS if not is_max or each[:1] in NUMERIC]:
            yield (
                words_of(line, bad),
                f"ERR {name} must be an integer of seconds, or one with a suffix of "
                "ms, s, m, h, d or w in lower case, from 1ms to 366d, "
                f"without sign or leading zero, not {quoted(bad)}",
            )


def keep_cases() -> Iterator[tuple[list[Argument], str]]:
    for line in KEEPS:
        for bad in BAD_KEEPS:
            yield (
                words_of(line, bad),
                "ERR KEEP must be an integer of seconds, or one with a suffix of "
                "ms, s, m, h, d or w in lower case, from 1ms to 1d, "
                f"without sign or leading zero, not {quoted(bad)}",
            )


def id_cases() -> Iterator[tuple[list[Argument], str]]:
    for line in IDS:
        for bad in BAD_IDS:
            yield words_of(line, bad), f"ERR id must be 1 to 64 bytes, not {len(bad)}"


def sentence_cases() -> Iterator[tuple[list[Argument], str]]:
    for line, sentence in SENTENCES.items():
        yield list(line.split()), sentence


def arity_cases() -> Iterator[tuple[list[Argument], str]]:
    for name, (least, most) in ARITY.items():
        for count in {*range(least), most + 1} - {100}:
            yield (
                [name, *(["1"] * count)],
                f"ERR wrong number of arguments for '{name.lower()}' command",
            )


GROUPS = {
    "numbers": number_cases,
    "periods": period_cases,
    "keeps": keep_cases,
    "ids": id_cases,
    "sentences": sentence_cases,
    "arity": arity_cases,
}


@pytest.mark.parametrize("live", [False, True], ids=["no key", "a live key"])
@pytest.mark.parametrize("group", GROUPS)
def test_errors(raw: RawConnection, group: str, live: bool) -> None:
    if live:
        for name in SINGLE:
            raw(name, "k", 5, *([1] if name in SINGLE[3:] else []), 10, "ID", f"of {name}")
        raw("RL.FIXED", "k", 5, 10, "ID", "a")
        clauses = "LEASE 5 10 FIXED 0 7 SHADOW LOG 5 10 BAN 5 10 10"
        raw("RL.LIMIT", "k", *clauses.split(), "ID", "b")
    before = snapshot(raw)
    for words, sentence in GROUPS[group]():
        assert raw(*words) == Failure(sentence), words
        assert snapshot(raw) == before, words


def test_the_wrong_type(raw: RawConnection) -> None:
    for line in (
        "SET string v",
        "RPUSH list v",
        "SADD set v",
        "ZADD zset 1 v",
        "HSET hash f v",
        "XADD stream * f v",
        "PFADD hyperloglog v",
    ):
        raw(*line.split())
    keys = raw("KEYS", "*")
    assert isinstance(keys, list)
    before = snapshot(raw)
    for key in keys:
        assert isinstance(key, bytes)
        for line in (
            *(f"{name} ? 5 10" for name in SINGLE[:3]),
            *(f"{name} ? 5 1 10" for name in CONSUMING[3:5]),
            *("RL.THROTTLE ? 5 1 10", "CL.THROTTLE ? 5 1 10", "RL.LIMIT ? FIXED 5 10 LOG 5 10"),
            *("RL.FIXED ? 0 10", "RL.FIXED ? 5 10 COST 0", "RL.PEEK ?"),
            *("RL.FIXED ? 5 10 ID a", "RL.LIMIT ? LOG 5 10 COST 0 ID a", "RL.SETTLE ? a 1"),
            *("RL.LEASE ? 5 10 a", "RL.LEASE ? 0 10 a COST 0", "RL.RENEW ? 10 a", "RL.RELEASE ? a"),
            *("RL.LIMIT ? SHADOW LOG 5 10", "RL.LIMIT ? FIXED 0 10 BAN 1 10 10 COST 0"),
        ):
            assert raw(*words_of(line, key)) == Failure(WRONG_TYPE), f"{line} on {key!r}"
            assert snapshot(raw) == before
        # What is wrong with the words is said first: it is wrong for any key.
        assert isinstance(raw("RL.FIXED", key, "x", 10), Failure)
        assert raw("RL.FIXED", key, "x", 10) != Failure(WRONG_TYPE)


def test_the_internal_command_and_the_wrong_type(new_server: NewServer) -> None:
    server = new_server(config={"appendonly": "yes", "appendfsync": "always"})
    with server.raw() as raw:
        raw("RL.FIXED", "k", 5, 10)
        [effect] = effects(server)
        raw("SET", "string", "v")
        before = snapshot(raw)
        assert raw("RL.APPLY", "string", effect) == Failure(WRONG_TYPE)
        refused = Failure(SENTENCES["RL.APPLY k effect"])
        for end in range(len(effect)):
            assert raw("RL.APPLY", "k", effect[:end]) == refused
        assert raw("RL.APPLY", "k", effect + b"\0") == refused
        assert snapshot(raw) == before
        assert raw("RL.FIXED", "k", 5, 10) == [1, 5, 3, 0, 10_000]
        assert raw("RL.APPLY", "k", effect) == Status("OK")
        assert raw("RL.FIXED", "k", 5, 10) == [1, 5, 3, 0, 10_000]


def test_errors_are_not_replicated(new_server: NewServer) -> None:
    primary, replica = new_server(), new_server()
    with primary.raw() as raw:
        raw("RL.LIMIT", "k", "FIXED", 5, 10, "LOG", 5, 10)
        raw("SET", "string", "v")
        replication.attach(replica, primary)
        before, offset = snapshot(raw), replication.offset(primary.client())
        for cases in GROUPS.values():
            for words, _ in cases():
                assert isinstance(raw(*words), Failure)
        assert raw("RL.FIXED", "string", 1, 1) == Failure(WRONG_TYPE)
        assert replication.offset(primary.client()) == offset
        assert snapshot(raw) == before
        assert not [name for name in replication.calls(replica.client()) if "rl." in name]


@pytest.mark.parametrize(
    "key", [b"", b"\x00", b"\xff\xfe\x00\r\n", b" ", "\u00e9".encode(), b"k" * 100_000]
)
def test_a_key_is_any_bytes(raw: RawConnection, key: bytes) -> None:
    for name in SINGLE:
        words: list[Argument] = [name, key, 5, *([1] if name in SINGLE[3:] else []), 10]
        assert integers(raw(*words))[:3] == [1, 5, 4]
    assert raw("KEYS", "*") == [key]
    assert len(rows(raw("RL.PEEK", key))) == 5
    assert raw("DEL", key) == 1


@pytest.mark.parametrize("word", [b"C\x00ST", b"COST\x00", b"\xff", b"", "\u0421OST".encode()])
def test_a_word_is_no_other(raw: RawConnection, word: bytes) -> None:
    assert raw("RL.FIXED", "k", 1, 10, word, 1) == Failure(
        f"ERR unexpected argument {quoted(word)}, {AFTER_PERIOD}"
    )
    assert raw("RL.LIMIT", "k", word, 1, 10) == Failure(
        f"ERR clause 1 must begin with {BEGINNINGS}, not {quoted(word)}"
    )
