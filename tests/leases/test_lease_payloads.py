"""Leases as bytes: what the module writes of them, and what it refuses to read."""

from __future__ import annotations

import pytest

from support import payload
from support.clock import START_MS
from support.effects import effects
from support.feeding import applies, dump, feed, restores
from support.forging import check_refused, template
from support.lines import run
from support.payload import Dump, Lease
from support.pool import NewServer
from support.resp import Failure, Status
from support.server import Server

pytestmark = pytest.mark.all_servers

MINUTE_MS = 60_000
YEAR_MS = 366 * 86_400_000
AFTER = START_MS + 86_400_000
FIXED = payload.fixed(MINUTE_MS, 9, START_MS, 5)


@pytest.fixture
def plain(new_server: NewServer) -> Server:
    """A server whose payloads hold the module's bytes as they are, and that checks its own."""
    config = {"rdbcompression": "no", "sanitize-dump-payload": "yes"}
    return new_server(config={**config, "appendonly": "yes", "appendfsync": "always"})


A = Lease(b"a", START_MS, MINUTE_MS)
B = Lease(b"\xff" * 64, START_MS + 1, MINUTE_MS, 3)


def test_a_lease_is_what_the_encoding_says(plain: Server) -> None:
    with plain.raw() as raw:
        raw("RL.LEASE", "k", 5, "1m", "a")
        plain.clock.advance(1)
        raw("RL.LEASE", "k", 9, "1m", b"\xff" * 64, "COST", 3)
        assert Dump.parse(dump(raw)).value == payload.leased(9, MINUTE_MS, [A, B])
        run(raw, "RL.RENEW k 2m a x a")
        moved = Lease(b"a", START_MS + 1, 2 * MINUTE_MS)
        assert Dump.parse(dump(raw)).value == payload.leased(9, MINUTE_MS, [B, moved])
        plain.clock.advance(-1)
        run(raw, "RL.LEASE k 9 1m look COST 0")
        back = [Lease(one.name, START_MS, one.duration_ms, one.places) for one in (B, moved)]
        assert Dump.parse(dump(raw)).value == payload.leased(9, MINUTE_MS, back)
        raw("RL.RELEASE", "k", b"\xff" * 64, "x", "a")
        assert raw("EXISTS", "k") == 0
        run(raw, "RL.LIMIT k FIXED 9 1m LEASE 5 1m COST 5 ID a")
        receipt = payload.note_of_receipt(b"a", MINUTE_MS, 5, 1_000, [(0, MINUTE_MS)])
    expected: list[tuple[int, list[bytes]]] = [
        (START_MS, [payload.note_of_lease(b"a", 1, 5, MINUTE_MS)]),
        (START_MS + 1, [payload.note_of_lease(b"\xff" * 64, 3, 9, MINUTE_MS)]),
        (START_MS + 1, [payload.note_of_renewal(b"a", 2 * MINUTE_MS)]),
        (START_MS, [payload.NOTE_OF_MOVE]),
        (START_MS, [payload.note_of_release(b"\xff" * 64), payload.note_of_release(b"a")]),
        (START_MS, [FIXED, receipt, payload.note_of_lease(b"a", 1, 5, MINUTE_MS)]),
    ]
    found = effects(plain)
    # When the key is to expire has eight bytes behind the first two.
    assert [one[:2] + one[10:] for one in found] == [
        (sent := payload.effect_of_items(items, now, 1))[:2] + sent[10:] for now, items in expected
    ]


def one(name: bytes = b"a", start: int = START_MS, ms: int = MINUTE_MS, places: int = 1) -> bytes:
    """A key with one lease, of which something may be wrong."""
    return payload.leased(5, MINUTE_MS, [Lease(name, start, ms, places)])


SOUND = {
    "one": one(),
    "two": payload.leased(9, MINUTE_MS, [A, B]),
    "two that end together": payload.leased(9, 7, [A, Lease(b"b", START_MS - 9, MINUTE_MS + 9)]),
    "beside a limiter": payload.leased(9, MINUTE_MS, [A], [FIXED]),
    "limit 0": payload.leased(0, MINUTE_MS, [A]),
    "the largest limit": payload.leased(65_536, YEAR_MS, [A]),
    "all places": one(places=65_536),
    "above the limit": one(places=6),
    "the longest id": one(name=b"\0" * 64),
    "the longest duration": one(ms=YEAR_MS),
    "ended": one(start=1_000),
    "in the future": one(start=START_MS + 1_000_000),
}
HOSTILE = {
    "no lease": payload.leased(5, MINUTE_MS, []),
    "fewer than told": payload.leased(5, MINUTE_MS, [A], count=2),
    "more than told": payload.leased(5, MINUTE_MS, [A, B], count=1),
    "65,537 leases": payload.leased(5, MINUTE_MS, [A], count=65_537),
    "2^24 - 1 leases": payload.leased(5, MINUTE_MS, [A], count=2**24 - 1),
    "limit too high": payload.leased(65_537, MINUTE_MS, [A]),
    "duration 0 asked": payload.leased(5, 0, [A]),
    "duration too long asked": payload.leased(5, YEAR_MS + 1, [A]),
    "one id twice": payload.leased(5, MINUTE_MS, [A, A]),
    "one id twice, of another time": payload.leased(
        5, MINUTE_MS, [A, B, Lease(b"a", START_MS + 2, MINUTE_MS)]
    ),
    "out of order": payload.leased(5, MINUTE_MS, [B, A]),
    "too many places": payload.leased(
        5, MINUTE_MS, [Lease(b"a", START_MS, 9, 65_536), Lease(b"b", START_MS, 9)]
    ),
    "no id": one(name=b""),
    "id of 65 bytes": one(name=b"a" * 65),
    "id of 255 bytes": one(name=b"a" * 255),
    "no place": one(places=0),
    "65,537 places": one(places=65_537),
    "duration 0": one(ms=0),
    "duration too long": one(ms=YEAR_MS + 1),
    "an unknown section": payload.state([], version=2) + b"\x10",
    "bytes behind": one() + b"\0",
}


def test_what_is_sound_is_taken(plain: Server) -> None:
    own = template(plain)
    with plain.raw() as raw:
        for name, value in SOUND.items():
            assert raw("RESTORE", "k", 0, own.with_value(value)) == Status("OK"), name
            assert Dump.parse(dump(raw)).value == value, name
            effect = payload.effect_of_state(value, AFTER)
            assert raw("RL.APPLY", "applied", effect) == Status("OK"), name
            assert Dump.parse(dump(raw, "applied")).value == value, name
            # They answer, and can be given back.
            assert raw("RL.RELEASE", "k", "a", b"\0" * 64) in (0, 1)
            assert not isinstance(run(raw, "RL.LEASE applied 9 1m new COST 0"), Failure)
            raw("DEL", "k", "applied")


def test_what_was_forged_is_refused(plain: Server) -> None:
    check_refused(plain, HOSTILE, AFTER)


def effect(*items: bytes, now_ms: int = START_MS) -> bytes:
    return payload.effect_of_items(items, now_ms, AFTER)


TAKE_A = payload.note_of_lease(b"a", 1, 5, MINUTE_MS)
RENEW_A = payload.note_of_renewal(b"a", MINUTE_MS)
RELEASE_A = payload.note_of_release(b"a")
RELEASE_B = payload.note_of_release(b"b")
# No command sends these, whatever is at the key.
NO_EFFECTS = {
    "no id": effect(payload.note_of_lease(b"", 1, 5, MINUTE_MS)),
    "id of 65 bytes": effect(payload.note_of_lease(b"a" * 65, 1, 5, MINUTE_MS)),
    "no place": effect(payload.note_of_lease(b"a", 0, 5, MINUTE_MS)),
    "too many places": effect(payload.note_of_lease(b"a", 65_537, 5, MINUTE_MS)),
    "limit too high": effect(payload.note_of_lease(b"a", 1, 65_537, MINUTE_MS)),
    "duration 0": effect(payload.note_of_lease(b"a", 1, 5, 0)),
    "duration too long": effect(payload.note_of_lease(b"a", 1, 5, YEAR_MS + 1)),
    "renewed for 0": effect(payload.note_of_renewal(b"a", 0)),
    "renewed without an id": effect(payload.note_of_renewal(b"", 1)),
    "released without an id": effect(payload.note_of_release(b"")),
    "two leases": effect(TAKE_A, payload.note_of_lease(b"b", 1, 5, MINUTE_MS)),
    "a lease and a release": effect(TAKE_A, RELEASE_A),
    "a release and a lease": effect(RELEASE_A, TAKE_A),
    "a renewal and a release": effect(RENEW_A, RELEASE_A),
    "a change behind a lease": effect(TAKE_A, FIXED),
    "a release beside a change": effect(FIXED, RELEASE_A),
    "a lease and a move": effect(TAKE_A, payload.NOTE_OF_MOVE),
    "a receipt behind a lease": effect(
        FIXED, TAKE_A, payload.note_of_receipt(b"a", 1, 1, 1, [(0, MINUTE_MS)])
    ),
    "bytes behind": effect(TAKE_A) + b"\0",
}
# These fit a key that holds such a lease, and not this one.
MISFITS = {
    "renewed": effect(RENEW_A),
    "released": effect(RELEASE_A),
    "released, one of two": effect(RELEASE_B, RELEASE_A),
    "released twice": effect(RELEASE_B, RELEASE_B),
    "many, one of them unknown": effect(
        *(payload.note_of_release(f"id-{n}".encode()) for n in range(200))
    ),
    "renewed when it had ended": effect(
        payload.note_of_renewal(b"b", 1), now_ms=START_MS + MINUTE_MS
    ),
    "more places than there can be": effect(payload.note_of_lease(b"c", 65_536, 5, MINUTE_MS)),
}


def test_an_effect_that_no_command_sends_is_refused(plain: Server) -> None:
    for name, forged in NO_EFFECTS.items():
        assert feed(plain, applies([forged])) == [False], name
    with plain.raw() as raw:
        run(raw, "RL.LEASE k 5 1m b")
        raw.pipeline([["RL.LEASE", "k", 99, "1m", f"id-{n}"] for n in range(199)])
        before = dump(raw)
        for name, forged in {**NO_EFFECTS, **MISFITS}.items():
            assert isinstance(raw("RL.APPLY", "k", forged), Failure), name
            assert dump(raw) == before, name
        assert raw("RL.APPLY", "k", effect(RELEASE_B)) == Status("OK")
        run(raw, "SET string v")
        assert isinstance(raw("RL.APPLY", "string", effect(TAKE_A)), Failure)
        run(raw, "RL.FIXED limits 5 1m")
        for misfit in (RENEW_A, RELEASE_A, payload.NOTE_OF_MOVE):
            assert isinstance(raw("RL.APPLY", "limits", effect(misfit)), Failure)
            assert isinstance(raw("RL.APPLY", "nothing", effect(misfit)), Failure)
        assert raw("EXISTS", "nothing") == 0


def test_broken_bytes_are_refused_or_sound(plain: Server) -> None:
    own = template(plain)
    value = payload.leased(9, MINUTE_MS, [A, Lease(b"bc", START_MS + 1, MINUTE_MS, 3)], [FIXED])
    sent = effect(FIXED, payload.note_of_lease(b"ab", 3, 9, MINUTE_MS))
    assert feed(plain, applies([sent])) == [True]
    broken = [
        feed(plain, restores(own.with_value(one) for one in payload.flips(value))),
        feed(plain, applies(payload.flips(sent))),
    ]
    for taken in broken:
        assert any(taken)
        assert not all(taken)
    assert not any(feed(plain, restores(own.with_value(one) for one in payload.cuts(value))))
    # A cut between the limiter and the lease is what a call without one could have sent.
    assert sum(feed(plain, applies(payload.cuts(sent)))) == 1
