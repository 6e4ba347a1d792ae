"""Leases, limits on trial and bans as bytes: what is written of them, and what is not read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from support import payload
from support.clock import START_MS
from support.effects import effects
from support.feeding import applies, dump, feed, restores
from support.forging import check_refused, template
from support.lines import run
from support.payload import Dump
from support.payload_places import (
    BAN,
    LEASES,
    SHADOWS,
    Ban,
    lease,
    leases,
    mixed,
    note_of_ban,
    note_of_lease,
    note_of_shadow,
    shadows,
)
from support.pool import NewServer
from support.resp import RawConnection, Status
from support.server import Server

pytestmark = pytest.mark.all_servers

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
YEAR_MS = 366 * 86_400_000
AFTER = START_MS + 48 * HOUR_MS


@pytest.fixture
def plain(new_server: NewServer) -> Server:
    """A server whose payloads hold the module's bytes as they are, and that checks its own."""
    config = {"rdbcompression": "no", "sanitize-dump-payload": "yes"}
    return new_server(config={**config, "appendonly": "yes", "appendfsync": "always"})


def fixed(used: int = 1, limit: int = 1, period_ms: int = HOUR_MS) -> bytes:
    return payload.fixed(period_ms, limit, START_MS, used)


def log(cost: int = 1) -> bytes:
    return payload.log(MINUTE_MS, 9, [(START_MS, cost)])


# What is written


def held(raw: RawConnection) -> bytes:
    """The module's bytes of k."""
    return Dump.parse(dump(raw)).value


def sent(server: Server, raw: RawConnection, *items: bytes) -> None:
    """Fail unless the last effect was of these items."""
    at_ms = raw("PEXPIRETIME", "k")
    assert isinstance(at_ms, int)
    expected = payload.effect_of_items(items, server.clock.now_ms(), at_ms)
    assert effects(server)[-1] == expected


def test_limits_on_trial_are_what_the_encoding_says(plain: Server) -> None:
    with plain.raw() as raw:
        run(raw, "RL.LIMIT k FIXED 1 1h SHADOW LOG 9 1m SHADOW FIXED 1 1h")
        assert held(raw) == mixed([fixed()], SHADOWS, shadows([fixed(), log()]))
        # A change of a limiter is the limiter; of a log, what was added.
        added = note_of_shadow(payload.append(MINUTE_MS, 9, 1))
        sent(plain, raw, fixed(), added, note_of_shadow(fixed()))
        run(raw, "DEL k")
        run(raw, "RL.LIMIT k SHADOW FIXED 1 1h")
        assert held(raw) == mixed([], SHADOWS, shadows([fixed()]))
        sent(plain, raw, note_of_shadow(fixed()))
        run(raw, "RL.LIMIT k SHADOW FIXED 1 1h")
        assert len(effects(plain)) == 2, "what would have been refused is no change"


def test_refusals_and_bans_are_what_the_encoding_says(plain: Server) -> None:
    call = "RL.LIMIT k FIXED 1 1h BAN 2 1m 5m 1d"
    with plain.raw() as raw:
        run(raw, call)
        assert held(raw) == payload.state([fixed()])
        run(raw, call)
        told = Ban(2, MINUTE_MS, START_MS, HOUR_MS)
        assert held(raw) == mixed([fixed()], BAN, told.encoded)
        sent(plain, raw, note_of_ban(told))
        plain.clock.advance(7)
        run(raw, call)
        at_ms = START_MS + 7
        counted = replace(told, refused_ms=at_ms, told_ms=HOUR_MS - 7, count=1, opened_ms=at_ms)
        assert held(raw) == mixed([fixed()], BAN, counted.encoded)
        sent(plain, raw, note_of_ban(counted))
        plain.clock.advance(1)
        run(raw, call)
        banned = Ban(
            *(2, MINUTE_MS, at_ms + 1, HOUR_MS - 8),
            began_ms=at_ms + 1,
            ban_ms=5 * MINUTE_MS,
            max_ms=24 * HOUR_MS,
        )
        assert held(raw) == mixed([fixed()], BAN, banned.encoded)
        sent(plain, raw, note_of_ban(banned))


def test_all_of_them_stand_in_one_order(plain: Server) -> None:
    with plain.raw() as raw:
        run(raw, "RL.LIMIT k BAN 2 1m 5m LEASE 9 1s SHADOW FIXED 1 1h FIXED 1 1h ID me")
        run(raw, "RL.LIMIT k FIXED 0 1h BAN 2 1m 5m")
        parts = payload.Part(0, 1, START_MS)
        receipt = payload.receipt(b"me", START_MS, MINUTE_MS, [parts])
        written = payload.receipted([fixed()], [receipt], START_MS)
        limiters = payload.state([fixed()], version=2)
        assert held(raw) == limiters + bytes([1 | SHADOWS | LEASES | BAN]) + b"".join(
            (
                written[len(limiters) + 1 :],
                shadows([fixed()]),
                leases([lease(b"me", START_MS, 1_000)]),
                Ban(2, MINUTE_MS, START_MS, MINUTE_MS).encoded,
            )
        )
        first = effects(plain)[0][16:]
        noted = payload.note_of_receipt(b"me", MINUTE_MS, 1, 1_000, [(0, HOUR_MS)])
        taken = note_of_lease(b"me", 1, 9, 1_000)
        assert first == fixed() + noted + taken + note_of_shadow(fixed())


# What is read

ONE = Ban(3, MINUTE_MS, START_MS, HOUR_MS)
OPEN = replace(ONE, count=2, opened_ms=START_MS - 1_000)
BANNED = replace(ONE, began_ms=START_MS - 1_000, ban_ms=MINUTE_MS, max_ms=HOUR_MS)


def with_ban(ban: Ban) -> bytes:
    """A key with a window and a ban."""
    return mixed([fixed()], BAN, ban.encoded)


def on_trial(*limiters: bytes, count: int | None = None) -> bytes:
    """A key with a window, and others on trial."""
    return mixed([fixed()], SHADOWS, shadows(limiters, count))


A = lease(b"a", START_MS, 1_000)
B = lease(b"b", START_MS, 2_000)

SOUND = {
    "on trial": on_trial(fixed()),
    "on trial alone": mixed([], SHADOWS, shadows([fixed()])),
    "all five on trial": on_trial(
        fixed(),
        payload.sliding(HOUR_MS, 9, START_MS // HOUR_MS, 5, 0),
        log(),
        payload.bucket(3, HOUR_MS, 9, 3, 5, START_MS),
        payload.bucket(4, HOUR_MS, 9, 3, 5, START_MS),
    ),
    "64 on trial": mixed([], SHADOWS, shadows([fixed(period_ms=HOUR_MS + n) for n in range(64)])),
    "a refusal": with_ban(ONE),
    "a refusal alone": mixed([], BAN, ONE.encoded),
    "a window": with_ban(OPEN),
    "a window of one ms": with_ban(replace(OPEN, period_ms=1, opened_ms=START_MS)),
    "a million refusals": with_ban(replace(OPEN, refusals=10**6, count=10**6 - 1)),
    "a ban": with_ban(BANNED),
    "a ban of 366 days": with_ban(replace(BANNED, ban_ms=YEAR_MS, max_ms=YEAR_MS)),
    "a ban and a window": with_ban(
        replace(OPEN, began_ms=START_MS - 2_000, ban_ms=1_000, max_ms=HOUR_MS)
    ),
    "told for ages": with_ban(replace(ONE, told_ms=2**56 - 1)),
    "places": mixed([fixed()], LEASES, leases([A, B])),
    "places alone": mixed([], LEASES, leases([A, B])),
    "all places": mixed([], LEASES, leases([lease(b"a" * 64, START_MS, YEAR_MS, 65_536)])),
    "all of it": mixed(
        [fixed()], SHADOWS | LEASES | BAN, shadows([log()]), leases([A]), ONE.encoded
    ),
}

HOSTILE = {
    "nothing": mixed([], 0),
    "no more than limiters": mixed([fixed()], 0),
    "an unknown section": mixed([fixed()], 16 | SHADOWS, shadows([fixed()])),
    "no section": mixed([fixed()], BAN),
    "another section": mixed([fixed()], LEASES, ONE.encoded),
    "sections in another order": mixed([fixed()], SHADOWS | BAN, ONE.encoded, shadows([fixed()])),
    "bytes behind": with_ban(ONE) + b"\0",
    # On trial.
    "none on trial": on_trial(),
    "fewer on trial than told": on_trial(fixed(), count=2),
    "more on trial than told": on_trial(fixed(), log(), count=1),
    "one on trial twice": on_trial(fixed(), fixed()),
    "on trial out of order": on_trial(log(), fixed()),
    "65 on trial": mixed([], SHADOWS, shadows([fixed(period_ms=HOUR_MS + n) for n in range(65)])),
    "255 on trial": on_trial(fixed(), count=255),
    "on trial above its limit": on_trial(fixed(used=2)),
    "on trial of an unknown kind": on_trial(b"\x05" + fixed()[1:]),
    "on trial for 0 ms": on_trial(fixed(period_ms=0)),
    # Bans.
    "no refusals": with_ban(replace(ONE, refusals=0)),
    "a million and one": with_ban(replace(ONE, refusals=10**6 + 1)),
    "a period of 0": with_ban(replace(ONE, period_ms=0)),
    "a period of 367 days": with_ban(replace(ONE, period_ms=YEAR_MS + 1)),
    "told nothing": with_ban(replace(ONE, told_ms=0)),
    "a window of no refusal": with_ban(replace(ONE, opened_ms=START_MS)),
    "a full window": with_ban(replace(OPEN, count=3)),
    "opened after the last": with_ban(replace(OPEN, opened_ms=START_MS + 1)),
    "over before the last": with_ban(replace(OPEN, opened_ms=START_MS - MINUTE_MS)),
    "a ban of no length": with_ban(replace(BANNED, ban_ms=0)),
    "a length without a ban": with_ban(replace(ONE, max_ms=9)),
    "a beginning without a ban": with_ban(replace(ONE, began_ms=9)),
    "longer than max": with_ban(replace(BANNED, max_ms=MINUTE_MS - 1)),
    "max too long": with_ban(replace(BANNED, max_ms=YEAR_MS + 1)),
    "began after the last": with_ban(replace(BANNED, began_ms=START_MS + 1)),
    "forgotten before the last": with_ban(replace(BANNED, began_ms=START_MS - MINUTE_MS - HOUR_MS)),
    # Leases.
    "no lease": mixed([fixed()], LEASES, leases([])),
    "fewer leases than told": mixed([fixed()], LEASES, leases([A], count=2)),
    "more leases than told": mixed([fixed()], LEASES, leases([A, B], count=1)),
    "65,537 leases": mixed([fixed()], LEASES, leases([A], count=65_537)),
    "2^24 - 1 leases": mixed([fixed()], LEASES, leases([A], count=2**24 - 1)),
    "one holder twice": mixed([fixed()], LEASES, leases([A, A])),
    "leases out of order": mixed([fixed()], LEASES, leases([B, A])),
    "a lease of nothing": mixed([fixed()], LEASES, leases([lease(b"a", START_MS, 9, 0)])),
    "too many places": mixed([fixed()], LEASES, leases([lease(b"a", START_MS, 9, 65_537)])),
    "too many in all": mixed(
        [fixed()], LEASES, leases([lease(b"a", START_MS, 9, 65_536), lease(b"b", START_MS, 9)])
    ),
    "a lease of no time": mixed([fixed()], LEASES, leases([lease(b"a", START_MS, 0)])),
    "a lease too long": mixed([fixed()], LEASES, leases([lease(b"a", START_MS, YEAR_MS + 1)])),
    "no holder": mixed([fixed()], LEASES, leases([lease(b"", START_MS, 9)])),
    "a holder of 65 bytes": mixed([fixed()], LEASES, leases([lease(b"a" * 65, START_MS, 9)])),
    "limit too high": mixed([fixed()], LEASES, leases([A], limit=65_537)),
    "no duration": mixed([fixed()], LEASES, leases([A], duration_ms=0)),
}


def test_what_is_sound_is_taken(plain: Server) -> None:
    own = template(plain)
    for name, value in SOUND.items():
        assert feed(plain, restores([own.with_value(value)])) == [True], name
        assert feed(plain, applies([payload.effect_of_state(value, AFTER)])) == [True], name
        with plain.raw() as raw:
            assert raw("RESTORE", "k", 0, own.with_value(value)) == Status("OK"), name
            assert held(raw) == value, name
            raw("DEL", "k")


def test_what_was_forged_is_refused(plain: Server) -> None:
    check_refused(plain, HOSTILE, AFTER)


def test_a_broken_state_is_refused_or_sound(plain: Server) -> None:
    own = template(plain)
    value = SOUND["all of it"]
    taken = feed(plain, restores(own.with_value(flipped) for flipped in payload.flips(value)))
    assert any(taken)
    assert not all(taken)
    assert not any(feed(plain, restores(own.with_value(cut) for cut in payload.cuts(value))))


def of(*items: bytes) -> bytes:
    """An effect of these items."""
    return payload.effect_of_items(items, START_MS, AFTER)


GOOD_EFFECTS = {
    "a refusal": of(note_of_ban(ONE)),
    "a ban, with a charge": of(fixed(), note_of_ban(BANNED)),
    "on trial": of(note_of_shadow(fixed())),
    "a log on trial": of(note_of_shadow(payload.append(MINUTE_MS, 9, 1))),
    "a place": of(note_of_lease(b"a", 1, 9, 1_000)),
    "all of it": of(
        fixed(), note_of_lease(b"a", 1, 9, 1_000), note_of_shadow(fixed()), note_of_ban(ONE)
    ),
}
BAD_EFFECTS = {
    **{
        f"a ban: {name}": of(note_of_ban(ban))
        for name, ban in {
            "no refusals": replace(ONE, refusals=0),
            "a full window": replace(OPEN, count=3),
            "longer than max": replace(BANNED, max_ms=1),
            "told nothing": replace(ONE, told_ms=0),
        }.items()
    },
    "on trial above its limit": of(note_of_shadow(fixed(used=2))),
    "on trial for 0 ms": of(note_of_shadow(fixed(period_ms=0))),
    "a log entry of nothing": of(note_of_shadow(payload.append(MINUTE_MS, 9, 0))),
    "on trial, on trial": of(b"\x46" + note_of_shadow(fixed())),
    "a receipt on trial": of(b"\x46" + payload.note_of_settle(b"a", 1)),
    "no places": of(note_of_lease(b"a", 0, 9, 1_000)),
    "too many places": of(note_of_lease(b"a", 65_537, 9, 1_000)),
    "no time": of(note_of_lease(b"a", 1, 9, 0)),
    "a limit too high": of(note_of_lease(b"a", 1, 65_537, 1_000)),
    "an unknown note": of(b"\x48" + note_of_ban(ONE)[1:]),
    "bytes behind": of(note_of_ban(ONE), b"\0"),
}


def test_effects_are_taken_or_refused(plain: Server) -> None:
    for name, effect in GOOD_EFFECTS.items():
        assert feed(plain, applies([effect])) == [True], name
    for name, effect in BAD_EFFECTS.items():
        assert feed(plain, applies([effect])) == [False], name


def test_a_broken_effect_is_refused_or_sound(plain: Server) -> None:
    effect = GOOD_EFFECTS["all of it"]
    taken = feed(plain, applies(payload.flips(effect)))
    assert any(taken)
    assert not all(taken)
    # A cut between two items is what another call could have sent.
    assert sum(feed(plain, applies(payload.cuts(effect)))) == 3


def test_an_effect_finds_room_or_is_refused(plain: Server) -> None:
    """A key that is full on the primary was full when it sent no such effect."""
    with plain.raw() as raw:
        for number in range(64):
            run(raw, f"RL.FIXED k 9 {HOUR_MS + number}ms")
        before = held(raw)
        for name in ("a refusal", "on trial", "a place"):
            refused = raw("RL.APPLY", "k", GOOD_EFFECTS[name])
            assert refused != Status("OK"), name
        assert held(raw) == before
