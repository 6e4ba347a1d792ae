"""Receipts as bytes: what the module writes of them, and what it refuses to read."""

from __future__ import annotations

import pytest

from support import payload
from support.clock import START_MS
from support.effects import effects
from support.feeding import applies, dump, feed, restores
from support.forging import check_refused, template
from support.lines import run
from support.payload import Dump, Part
from support.pool import NewServer
from support.resp import Failure, Status
from support.server import Server

pytestmark = pytest.mark.all_servers

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
AFTER = START_MS + DAY_MS
PAST = 2**56 - 1
"""What a receipt remembers of a charge that can be settled no more."""


@pytest.fixture
def plain(new_server: NewServer) -> Server:
    """A server whose payloads hold the module's bytes as they are, and that checks its own."""
    config = {"rdbcompression": "no", "sanitize-dump-payload": "yes"}
    return new_server(config={**config, "appendonly": "yes", "appendfsync": "always"})


def fixed(used: int = 5, period_ms: int = HOUR_MS) -> bytes:
    return payload.fixed(period_ms, 9, START_MS, used)


def token(level: int = 5 * HOUR_MS) -> bytes:
    return payload.bucket(3, HOUR_MS, 9, 3, level, START_MS)


# What each call writes: the limiter, and what it remembers of where the charge went.
WRITES: dict[str, tuple[bytes, Part]] = {
    "RL.FIXED k 9 1h COST 5": (fixed(), Part(0, 5, START_MS)),
    "RL.SLIDING k 9 1h COST 5": (
        payload.sliding(HOUR_MS, 9, START_MS // HOUR_MS, 5, 0),
        Part(0, 5, START_MS // HOUR_MS + 1),
    ),
    "RL.LOG k 9 1h COST 5": (payload.log(HOUR_MS, 9, [(START_MS, 5)]), Part(0, 5, START_MS)),
    "RL.TOKEN k 9 3 1h COST 5": (token(), Part(0, 5, 5 * HOUR_MS, width=10)),
    "RL.LEAKY k 9 3 1h COST 5": (
        payload.bucket(4, HOUR_MS, 9, 3, 5 * HOUR_MS, START_MS),
        Part(0, 5, 0),
    ),
}


@pytest.mark.parametrize(
    ("line", "limiter", "part"), [(n, *w) for n, w in WRITES.items()], ids=[*WRITES]
)
def test_a_receipt_is_what_the_encoding_says(
    plain: Server, line: str, limiter: bytes, part: Part
) -> None:
    tag, name = limiter[0], b"\xff" * 64
    with plain.raw() as raw:
        raw(*line.split(), "ID", name, "KEEP", "10m")
        remembered = payload.receipt(name, START_MS, 600_000, [part])
        value = payload.receipted([limiter], [remembered], START_MS)
        assert Dump.parse(dump(raw)).value == value
        at_ms = raw("PEXPIRETIME", "k")
        assert isinstance(at_ms, int)
        change = payload.append(HOUR_MS, 9, 5) if tag == 2 else limiter
        note = payload.note_of_receipt(name, 600_000, 5, 1_000, [(tag, HOUR_MS)])
        assert effects(plain) == [payload.effect_of_items([change, note], START_MS, at_ms)]
        settled = raw("RL.SETTLE", "k", name, 7)
        assert settled == 1
        note = payload.note_of_settle(name, 7)
        sent = effects(plain)[1:]
        at_ms = raw("PEXPIRETIME", "k")
        assert isinstance(at_ms, int)
        assert sent == ([] if tag == 4 else [payload.effect_of_items([note], START_MS, at_ms)])


A = payload.receipt(b"a", START_MS, 1_000, [Part(0, 5, START_MS)])
B = payload.receipt(b"b", START_MS, 2_000, [Part(0, 0, START_MS)])


def one(
    name: bytes = b"a",
    time_ms: int = START_MS,
    keep_ms: int = 1_000,
    parts: tuple[Part, ...] = (Part(0, 5, START_MS),),
) -> bytes:
    """A key with a window and one receipt, of which something may be wrong."""
    receipt = payload.receipt(name, time_ms, keep_ms, parts)
    return payload.receipted([fixed()], [receipt], START_MS)


def tokens(*parts: Part) -> bytes:
    """A key with a bucket and one receipt of these charges."""
    receipt = payload.receipt(b"a", START_MS, 1_000, parts)
    return payload.receipted([token()], [receipt], START_MS)


SOUND = {
    "one": one(),
    "two": payload.receipted([fixed()], [A, B], START_MS),
    "used above the limit": payload.receipted([fixed(used=10**12)], [A], START_MS),
    "nothing used": payload.receipted([fixed(used=0)], [B], START_MS),
    "a day": one(keep_ms=DAY_MS),
    "the longest id": one(name=b"\0" * 64),
    "of the past": one(parts=(Part(0, 5, PAST),)),
    "more charged twice": tokens(*(Part(0, 1, low, 10) for low in (0, 1, 5 * HOUR_MS))),
    "above the limit, and no receipt": payload.receipted([fixed(used=10)], [], START_MS),
}

HOSTILE = {
    "plain after all": payload.receipted([fixed()], [], START_MS),
    "a section of no receipts": payload.receipted([fixed(used=10)], [], START_MS, count=0),
    "an unknown section": payload.state([fixed(used=10)], version=2) + b"\x10",
    "no limiter": payload.receipted([], [A], START_MS),
    "fewer receipts than told": payload.receipted([fixed()], [A], START_MS, count=2),
    "more receipts than told": payload.receipted([fixed()], [A, B], START_MS, count=1),
    "100,001 receipts": payload.receipted([fixed()], [A], START_MS, count=100_001),
    "2^32 - 1 receipts": payload.receipted([fixed()], [A], START_MS, count=2**32 - 1),
    "one id twice": payload.receipted([fixed()], [A, A], START_MS),
    "out of order": payload.receipted([fixed()], [B, A], START_MS),
    "written beyond": payload.receipted([fixed()], [A], 2**48 - 1),
    "forgotten": payload.receipted([fixed()], [A], START_MS + 1_000),
    "ahead": payload.receipted([fixed()], [A], START_MS - 1),
    "no id": one(name=b""),
    "id of 65 bytes": one(name=b"a" * 65),
    "id of 255 bytes": one(name=b"a" * 255),
    "keep 0": one(keep_ms=0),
    "keep too long": one(keep_ms=DAY_MS + 1),
    "no part": one(parts=()),
    "an unknown limiter": one(parts=(Part(1, 5, START_MS),)),
    "limiter 255": one(parts=(Part(255, 5, START_MS),)),
    "cost too high": one(parts=(Part(0, 10**12 + 1, START_MS),)),
    "window after the charge": one(parts=(Part(0, 5, START_MS + 1),)),
    "a window charged twice": one(parts=(Part(0, 5, START_MS), Part(0, 1, START_MS))),
    "used above all bounds": payload.receipted([fixed(used=10**12 + 1)], [A], START_MS),
    "a low above the level": tokens(Part(0, 5, 5 * HOUR_MS + 1, 10)),
    "64 more charges": tokens(*(Part(0, 1, 1, 10) for _ in range(65))),
    "more of nothing": tokens(Part(0, 5, 1, 10), Part(0, 0, 1, 10)),
    "more than there is": tokens(*(Part(0, 10**12, 1, 10) for _ in range(2))),
    "two limiters in turns": payload.receipted(
        [fixed(), fixed(period_ms=2 * HOUR_MS)],
        [payload.receipt(b"a", START_MS, 9, [Part(place, 5, START_MS) for place in (0, 1, 0)])],
        START_MS,
    ),
    "17 limiters": payload.receipted(
        [fixed(period_ms=HOUR_MS + n) for n in range(17)],
        [payload.receipt(b"a", START_MS, 9, [Part(n, 5, START_MS) for n in range(17)])],
        START_MS,
    ),
    "bytes behind": one() + b"\0",
}


def test_what_is_sound_is_taken(plain: Server) -> None:
    own = template(plain)
    for name, value in SOUND.items():
        assert feed(plain, restores([own.with_value(value)])) == [True], name
        assert feed(plain, applies([payload.effect_of_state(value, AFTER)])) == [True], name
        with plain.raw() as raw:
            assert raw("RESTORE", "k", 0, own.with_value(value)) == Status("OK")
            assert Dump.parse(dump(raw)).value == value, name
            raw("DEL", "k")


def test_what_was_forged_is_refused(plain: Server) -> None:
    check_refused(plain, HOSTILE, AFTER)


def note(
    name: bytes = b"a", keep_ms: int = 1_000, cost: int = 5, most: int = 10, periods: int = 1
) -> bytes:
    """The effect of a charge to a window, of which something may be wrong."""
    named = [(0, HOUR_MS + n) for n in range(periods)]
    noted = payload.note_of_receipt(name, keep_ms, cost, most, named)
    return payload.effect_of_items([fixed(), noted], START_MS, AFTER)


BAD_EFFECTS = {
    "no id": note(name=b""),
    "id of 65 bytes": note(name=b"a" * 65),
    "keep 0": note(keep_ms=0),
    "keep too long": note(keep_ms=DAY_MS + 1),
    "cost 0": note(cost=0),
    "cost too high": note(cost=10**12 + 1),
    "no receipt": note(most=0),
    "too many receipts": note(most=100_001),
    "no limiter": note(periods=0),
    "17 limiters": note(periods=17),
    "one limiter twice": payload.effect_of_items(
        [fixed(), payload.note_of_receipt(b"a", 1, 1, 1, [(0, HOUR_MS)] * 2)], START_MS, AFTER
    ),
    "an unknown algorithm": payload.effect_of_items(
        [fixed(), payload.note_of_receipt(b"a", 1, 1, 1, [(5, HOUR_MS)])], START_MS, AFTER
    ),
    "settled too high": payload.effect_of_items(
        [payload.note_of_settle(b"a", 10**12 + 1)], START_MS, AFTER
    ),
    "settled, and there is no key": payload.effect_of_items(
        [payload.note_of_settle(b"a", 1)], START_MS, AFTER
    ),
    "nothing": payload.effect_of_items([], START_MS, AFTER),
    "a receipt of nothing": payload.effect_of_items(
        [payload.note_of_receipt(b"a", 1, 1, 1, [(0, HOUR_MS)])], START_MS, AFTER
    ),
    "an unknown note": payload.effect_of_items([b"\x42" + b"\0" * 20], START_MS, AFTER),
}


def test_an_effect_that_was_forged_is_refused(plain: Server) -> None:
    assert feed(plain, applies([note()])) == [True]
    for name, effect in BAD_EFFECTS.items():
        assert feed(plain, applies([effect])) == [False], name
    settle = payload.effect_of_items([payload.note_of_settle(b"b", 1)], START_MS, AFTER)
    with plain.raw() as raw:
        run(raw, "RL.FIXED k 9 1h ID a")
        before = dump(raw)
        refused = raw("RL.APPLY", "k", settle)
        assert isinstance(refused, Failure), "an id that is not known"
        assert dump(raw) == before


def test_a_broken_effect_is_refused_or_sound(plain: Server) -> None:
    noted = payload.note_of_receipt(b"ab", 1_000, 5, 10, [(0, HOUR_MS), (3, HOUR_MS)])
    effect = payload.effect_of_items([fixed(), token(), noted], START_MS, AFTER)
    assert feed(plain, applies([effect])) == [True]
    taken = feed(plain, applies(payload.flips(effect)))
    assert any(taken)
    assert not all(taken)
    assert not any(feed(plain, applies([effect + b"\0"])))
    # A cut between two items is what another call could have sent.
    assert sum(feed(plain, applies(payload.cuts(effect)))) == 2
