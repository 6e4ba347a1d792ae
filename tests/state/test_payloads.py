"""What RESTORE and RL.APPLY are given: broken, forged or hostile, it is refused or it is sound."""

from __future__ import annotations

import pytest

from support import payload
from support.clock import START_MS
from support.feeding import applies, dump, feed, restores
from support.forging import check_refused, template
from support.payload import Dump
from support.pool import NewServer
from support.resp import Argument, Failure, Reply, Status
from support.server import Server, ServerFailed
from support.verdicts import rows

pytestmark = pytest.mark.all_servers

HOUR_MS = 3_600_000
AFTER = START_MS + HOUR_MS

KEYS: dict[str, list[list[Argument]]] = {
    "fixed": [["RL.FIXED", "k", 9, "1h", "COST", 2]],
    "sliding": [["RL.SLIDING", "k", 9, "1h", "COST", 2]],
    "log": [["RL.LOG", "k", 9, "1h"], ["RL.LOG", "k", 9, "1h", "COST", 3]],
    "token": [["RL.TOKEN", "k", 9, 3, "1h", "COST", 2]],
    "leaky": [["RL.LEAKY", "k", 9, 3, "1h", "COST", 2]],
    "receipts": [
        ["RL.LIMIT", "k", "FIXED", 9, "1h", "LOG", 9, "1h", "COST", 2, "ID", "a" * 17],
        ["RL.LIMIT", "k", "TOKEN", 9, 3, "1h", "LEAKY", 9, 3, "1h", "COST", 2, "ID", "b"],
        ["RL.SETTLE", "k", "b", 9],
        ["RL.SETTLE", "k", "a" * 17, 0],
    ],
    "several": [
        ["RL.LIMIT", "k", "FIXED", 9, "1h", "SLIDING", 9, "1h", "LOG", 9, "1h"],
        ["RL.LIMIT", "k", "TOKEN", 9, 9, "1h", "LEAKY", 9, 9, "1h", "LOG", 9, "1h"],
    ],
}


@pytest.fixture
def plain(new_server: NewServer) -> Server:
    """A server whose payloads hold the module's bytes as they are, and that checks its own."""
    return new_server(config={"rdbcompression": "no", "sanitize-dump-payload": "yes"})


def make(server: Server, name: str) -> None:
    """Make the key of that name in KEYS, each call a second after the other."""
    with server.raw() as connection:
        for call in KEYS[name]:
            assert not isinstance(connection(*call), Failure)
            server.clock.advance(1_000)


def test_the_checksum_is_the_servers() -> None:
    assert payload.crc64(b"123456789") == 0xE9C6D914C4B8D9CA


def test_a_dump_is_what_the_encoding_says(plain: Server) -> None:
    plain.clock.set_ms(START_MS)
    expected = {
        "fixed": payload.fixed(HOUR_MS, 9, START_MS, 2),
        "sliding": payload.sliding(HOUR_MS, 9, START_MS // HOUR_MS, 2, 0),
        "log": payload.log(HOUR_MS, 9, [(START_MS, 1), (START_MS + 1_000, 3)]),
        "token": payload.bucket(3, HOUR_MS, 9, 3, 2 * HOUR_MS, START_MS),
        "leaky": payload.bucket(4, HOUR_MS, 9, 3, 2 * HOUR_MS, START_MS),
    }
    with plain.raw() as connection:
        for name, limiter in expected.items():
            plain.clock.set_ms(START_MS)
            make(plain, name)
            dumped = Dump.parse(dump(connection))
            assert dumped.value == payload.state([limiter])
            assert dumped.with_value(dumped.value) == dump(connection)
            assert connection("DEL", "k") == 1


@pytest.mark.parametrize("name", KEYS)
def test_a_broken_dump_is_refused_or_sound(plain: Server, name: str) -> None:
    make(plain, name)
    with plain.raw() as connection:
        whole = dump(connection)
        connection("DEL", "k")
    body = whole[:-8]
    dumped = Dump.parse(whole)
    assert feed(plain, restores([whole, dumped.with_value(dumped.value)])) == [True, True]
    # A server may take a cut that costs nothing but the version of its own.
    assert sum(feed(plain, restores(map(payload.sealed, payload.cuts(body))))) <= 1
    assert not any(feed(plain, restores(map(dumped.with_value, payload.cuts(dumped.value)))))
    taken = feed(plain, restores(map(payload.sealed, payload.flips(body))))
    assert any(taken), "no flipped bit of a time or a count was accepted"
    assert not all(taken)


HOSTILE = {
    "no bytes": b"",
    "version 0": payload.state([payload.fixed(1_000, 9, START_MS, 1)], version=0),
    "version 2": payload.state([payload.fixed(1_000, 9, START_MS, 1)], version=2),
    "no limiter": payload.state([]),
    "fewer than told": payload.state([payload.fixed(1_000, 9, START_MS, 1)], count=2),
    "more than told": payload.state([payload.fixed(1_000, 9, START_MS, 1)] * 2, count=1),
    "unknown tag": payload.state([b"\x05" + payload.bucket(3, 1_000, 9, 1, 1, START_MS)[1:]]),
    "period 0": payload.state([payload.fixed(0, 9, START_MS, 1)]),
    "period too long": payload.state([payload.fixed(31_622_400_001, 9, START_MS, 1)]),
    "limit 0": payload.state([payload.fixed(1_000, 0, START_MS, 0)]),
    "limit too high": payload.state([payload.fixed(1_000, 10**12 + 1, START_MS, 1)]),
    "nothing used": payload.state([payload.fixed(1_000, 9, START_MS, 0)]),
    "used above limit": payload.state([payload.fixed(1_000, 9, START_MS, 10)]),
    "sliding period 0": payload.state([payload.sliding(0, 9, 0, 1, 0)]),
    "window beyond": payload.state([payload.sliding(1_000, 9, 2**48 - 1, 1, 0)]),
    "nothing in window": payload.state([payload.sliding(1_000, 9, START_MS // 1_000, 0, 1)]),
    "previous too high": payload.state([payload.sliding(1_000, 9, 1, 1, 10**12 + 1)]),
    "refill 0": payload.state([payload.bucket(3, 1_000, 9, 0, 1, START_MS)]),
    "leak 0": payload.state([payload.bucket(4, 1_000, 9, 0, 1, START_MS)]),
    "bucket period 0": payload.state([payload.bucket(3, 0, 9, 1, 1, START_MS)]),
    "level 0": payload.state([payload.bucket(3, 1_000, 9, 1, 0, START_MS)]),
    "level 2^80 - 1": payload.state([payload.bucket(3, 1_000, 9, 1, 2**80 - 1, START_MS)]),
    "level above capacity": payload.state([payload.bucket(4, 1_000, 9, 1, 9_001, START_MS)]),
    "empty log": payload.state([payload.log(1_000, 9, [], newest=START_MS)]),
    "log out of order": payload.state(
        [payload.log(9_000, 9, [(START_MS - 1, 1), (START_MS - 5, 1), (START_MS, 1)])]
    ),
    "two at one time": payload.state([payload.log(9_000, 9, [(START_MS, 1), (START_MS, 1)])]),
    "cost 0 in log": payload.state([payload.log(9_000, 9, [(START_MS, 0)])]),
    "log above its limit": payload.state([payload.log(9_000, 9, [(START_MS, 10)])]),
    "log longer than period": payload.state(
        [payload.log(9_000, 9, [(START_MS - 9_000, 1), (START_MS, 1)])]
    ),
    "newest is not": payload.state([payload.log(9_000, 9, [(START_MS - 1, 1)], newest=START_MS)]),
    "older than 1970": payload.state([payload.log(9_000, 9, [(-5, 1)], newest=3)]),
    "log limit too high": payload.state([payload.log(9_000, 10_000_001, [(START_MS, 1)])]),
    "2^32 - 1 entries": payload.state([payload.log(9_000, 9, [(START_MS, 1)], count=2**32 - 1)]),
    "0 of 1 entries": payload.state([payload.log(9_000, 9, [(START_MS, 1)], count=0)]),
    "two equal": payload.state([payload.fixed(1_000, 9, START_MS, 1)] * 2),
    "unsorted": payload.state([payload.fixed(ms, 9, START_MS, 1) for ms in (2_000, 1_000)]),
    "algorithms unsorted": payload.state(
        [payload.bucket(3, 1_000, 9, 1, 1, START_MS), payload.fixed(1_000, 9, START_MS, 1)]
    ),
    "65 limiters": payload.state([payload.fixed(1 + ms, 9, START_MS, 1) for ms in range(65)]),
    "255 limiters": payload.state([payload.fixed(1 + ms, 9, START_MS, 1) for ms in range(255)]),
    "bytes behind": payload.state([payload.fixed(1_000, 9, START_MS, 1)]) + b"\0",
}


def test_what_was_forged_is_refused(plain: Server) -> None:
    check_refused(plain, HOSTILE, AFTER)


def test_the_largest_numbers_are_accepted(plain: Server) -> None:
    full = 10**12 * 31_622_400_000
    values = [
        payload.state([payload.fixed(31_622_400_000, 10**12, 2**48 - 1, 10**12)]),
        payload.state([payload.sliding(1, 10**12, 2**48 - 1, 10**12, 10**12)]),
        payload.state([payload.bucket(3, 31_622_400_000, 10**12, 1, full, 2**48 - 1)]),
        payload.state([payload.bucket(4, 31_622_400_000, 10**12, 10**12, full, 0)]),
        payload.state([payload.log(31_622_400_000, 10**7, [(2**48 - 1, 10**7)])]),
        payload.state([payload.fixed(1 + ms, 9, START_MS, 1) for ms in range(64)]),
    ]
    own = template(plain)
    assert all(feed(plain, restores(map(own.with_value, values))))
    assert all(feed(plain, applies(payload.effect_of_state(v, AFTER) for v in values)))
    for ms in (0, 2**48, -5):
        plain.clock.set_ms(ms)
        feed(plain, restores(map(own.with_value, values)))


CHANGES = [
    payload.fixed(HOUR_MS, 9, START_MS, 2),
    payload.sliding(HOUR_MS, 9, START_MS // HOUR_MS, 2, 5),
    payload.append(HOUR_MS, 9, 2),
    payload.bucket(3, HOUR_MS, 9, 3, HOUR_MS, START_MS),
    payload.bucket(4, HOUR_MS, 9, 3, HOUR_MS, START_MS),
]


def test_a_broken_effect_is_refused_or_sound(plain: Server) -> None:
    each = [payload.effect_of_changes([change], START_MS, AFTER) for change in CHANGES]
    all_at_once = payload.effect_of_changes(CHANGES, START_MS, AFTER)
    whole = payload.effect_of_state(payload.state([CHANGES[0], CHANGES[3]]), AFTER)
    for effect in [*each, all_at_once, whole]:
        assert feed(plain, applies([effect])) == [True]
        assert any(feed(plain, applies(payload.flips(effect))))
    for effect in [*each, whole]:
        assert not any(feed(plain, applies(payload.cuts(effect))))
        assert not any(feed(plain, applies([effect + b"\0"])))


def test_an_effect_leaves_a_key_that_it_does_not_fit(plain: Server) -> None:
    with plain.raw() as connection:
        for call in KEYS["several"]:
            connection(*call)
        before = connection("DEBUG", "DIGEST-VALUE", "k"), connection("PEXPIRETIME", "k")
        more = [payload.fixed(1 + ms, 9, START_MS, 1) for ms in range(16)]
        refused = [
            payload.effect_of_changes([payload.append(HOUR_MS, 9, 9)], START_MS, AFTER),
            payload.effect_of_changes([CHANGES[0], CHANGES[0]], START_MS, AFTER),
            payload.effect_of_changes([*more, *CHANGES[:1]], START_MS, AFTER),
            payload.effect_of_changes([], START_MS, AFTER),
            payload.effect_of_changes(CHANGES, START_MS, 0),
            payload.effect_of_changes(CHANGES, START_MS, 2**63),
            payload.effect_of_state(payload.state(CHANGES[:1]), AFTER, version=2),
            payload.effect_of_state(payload.state(CHANGES[:1]), AFTER, kind=3),
        ]
        for effect in refused:
            answer = connection("RL.APPLY", "k", effect)
            assert isinstance(answer, Failure)
            assert answer.text.startswith("ERR effect must be "), answer
        assert connection("RL.APPLY", "k") == Failure(
            "ERR wrong number of arguments for 'rl.apply' command"
        )
        after = connection("DEBUG", "DIGEST-VALUE", "k"), connection("PEXPIRETIME", "k")
        assert after == before
        connection("SET", "text", "v")
        wrong = connection("RL.APPLY", "text", payload.effect_of_changes(CHANGES, START_MS, AFTER))
        assert isinstance(wrong, Failure)
        assert wrong.text.startswith("WRONGTYPE ")


def test_effects_that_add_up_never_make_what_would_not_load(plain: Server) -> None:
    with plain.raw() as connection:
        for first in range(0, 60, 15):
            batch = [payload.fixed(1 + ms, 9, AFTER, 1) for ms in range(first, first + 15)]
            effect = payload.effect_of_changes(batch, START_MS, AFTER)
            assert connection("RL.APPLY", "many", effect) == Status("OK")
        five = payload.effect_of_changes(CHANGES, START_MS, AFTER)
        assert isinstance(connection("RL.APPLY", "many", five), Failure)
        four = payload.effect_of_changes(CHANGES[:4], START_MS, AFTER)
        assert connection("RL.APPLY", "many", four) == Status("OK")
        assert len(rows(connection("RL.PEEK", "many"))) == 64
        # The move of a log that there is nothing to move in.
        connection("RL.LOG", "log", 9, 60)
        move = payload.effect_of_changes([payload.append(60_000, 9, 0)], AFTER, AFTER)
        connection("RL.APPLY", "log", move)
        before = connection("DEBUG", "DIGEST-VALUE", "many", "log")
        assert connection("DEBUG", "RELOAD") == Status("OK")
        assert connection("DEBUG", "DIGEST-VALUE", "many", "log") == before


TOKEN = payload.state([payload.bucket(3, HOUR_MS, 9, 3, 2 * HOUR_MS, START_MS)])
NO_REFILL = payload.state([payload.bucket(3, HOUR_MS, 9, 0, 2 * HOUR_MS, START_MS)])

# The end of the type's number, with the version of its encoding, and the mark of a string.
TYPE_END = b"\xb4\x01\x05"


@pytest.mark.parametrize(
    ("found", "put", "line"),
    [
        (TOKEN, NO_REFILL, "ratelimit value is malformed or out of range"),
        (TYPE_END, b"\xb4\x02\x05", "ratelimit value is of a version that"),
        (TYPE_END, b"\xb4\x01\x02", "ratelimit value is cut off"),
    ],
    ids=["refill 0", "unknown version", "no string"],
)
def test_a_malformed_rdb_file_is_refused_with_a_line_in_the_log(
    new_server: NewServer, found: bytes, put: bytes, line: str
) -> None:
    server = new_server(config={"rdbcompression": "no", "rdbchecksum": "no"})
    with server.raw() as connection:
        connection("RL.TOKEN", "k", 9, 3, "1h", "COST", 2)
        connection("SAVE")
    server.stop()
    file = server.folder / "dump.rdb"
    saved = file.read_bytes()
    assert saved.count(found) == 1
    file.write_bytes(saved.replace(found, put))
    with pytest.raises(ServerFailed, match=line):
        server.start()
    file.write_bytes(saved)
    server.start()
    with server.raw() as connection:
        peeked: Reply = connection("RL.PEEK", "k")
        assert rows(peeked) == [[b"token", 9, 3, HOUR_MS, 7, 0, 2 * HOUR_MS // 3]]
