"""What replicas are sent: what calls did, never calls, whatever clock the replica has."""

from __future__ import annotations

import pytest

from support import payload, replication
from support.clock import START_MS
from support.histories import HOUR_MS, History, assert_same_on_replica, state
from support.pool import NewServer
from support.resp import Argument, Failure, Status
from support.server import Server
from support.verdicts import integers, rows

pytestmark = pytest.mark.all_servers

# A replica that cannot carry out what it is sent ends, and the test with it.
REPLICA = {"propagation-error-behavior": "panic", "repl-diskless-sync": "no"}

Pair = tuple[Server, Server]

# Each records, when called first; the second call is denied, the third consumes nothing.
CALLS: dict[str, list[Argument]] = {
    "fixed": ["RL.FIXED", "k", 5, "1h"],
    "sliding": ["RL.SLIDING", "k", 5, "1h"],
    "log": ["RL.LOG", "k", 5, "1h"],
    "token": ["RL.TOKEN", "k", 5, 1, "1h"],
    "leaky": ["RL.LEAKY", "k", 5, 1, "1h"],
    "limit": ["RL.LIMIT", "k", "FIXED", 5, "1h", "LOG", 9, "1d", "TOKEN", 7, 2, "1m"],
}


def costing(call: list[Argument], cost: int) -> list[Argument]:
    return [*call, "COST", cost]


@pytest.fixture
def pair(new_server: NewServer) -> Pair:
    """A primary, and its replica whose clock is an hour ahead."""
    primary, replica = new_server(), new_server(config=REPLICA)
    replica.clock.advance(HOUR_MS)
    replication.attach(replica, primary)
    replica.client().config_resetstat()
    return primary, replica


def ran(replica: Server) -> dict[str, int]:
    """The commands of this module that ran on a replica, and how often."""
    calls = replication.calls(replica.client())
    return {name: count for name, count in calls.items() if name.startswith(("rl.", "cl."))}


@pytest.mark.parametrize("off_ms", [-HOUR_MS, HOUR_MS])
def test_a_random_history_is_the_same_on_a_replica_an_hour_off(
    new_server: NewServer, off_ms: int
) -> None:
    primary, replica = new_server(), new_server(config=REPLICA)
    replica.clock.advance(off_ms)
    replication.attach(replica, primary)
    replica.client().config_resetstat()
    history = History(seed=off_ms)
    with primary.raw() as connection:
        for _ in range(8):
            history.play(connection, [primary.clock, replica.clock], 250)
            kept = assert_same_on_replica(primary, replica)
            assert len(kept) > 4
            assert min(at_ms for _, at_ms in kept.values()) > 0, "a key without an expiry"
    assert set(ran(replica)) == {"rl.apply"}
    told = replication.info(primary.client(), "ratelimit")
    for name in ("repeats", "settled_less", "settled_more", "settled_unknown"):
        assert told[f"ratelimit_{name}"] > 5, name
    assert "panic" not in replica.log().lower()


def test_a_history_on_a_running_clock_is_the_same_too(pair: Pair) -> None:
    primary, replica = pair
    primary.clock.run()
    with primary.raw() as connection:
        replies = connection.pipeline(History(seed=5).calls(2_000))
    assert not any(isinstance(reply, Failure) for reply in replies)
    primary.clock.set_ms(primary.clock.now_ms())
    assert_same_on_replica(primary, replica)


@pytest.mark.parametrize("name", CALLS)
def test_what_changes_nothing_is_not_sent(pair: Pair, name: str) -> None:
    primary, replica = pair
    call = CALLS[name]
    with primary.raw() as connection:
        assert connection(*costing(call, 4)) is not None
        replication.wait_in_sync(primary, replica)
        offset, calls = replication.offset(primary.client()), ran(replica)
        assert calls == {"rl.apply": 1}
        before = state(primary)
        primary.clock.advance(1)
        for cost in (2, 5, 6, 10**12, 0):
            connection(*costing(call, cost))
        connection("RL.PEEK", "k")
        connection(*costing([*call[:1], "absent", *call[2:]], 10**12))
        connection(*costing([*call[:1], "absent", *call[2:]], 0))
        connection("RL.PEEK", "absent")
        connection("RL.FIXED", "k", "nonsense", 60)
        assert replication.offset(primary.client()) == offset
        assert state(primary) == before
        assert connection("EXISTS", "absent") == 0
        # What is sent after it arrives, and nothing was before it.
        connection(*costing(call, 1))
    kept = assert_same_on_replica(primary, replica)
    assert kept != before
    assert ran(replica) == {"rl.apply": 2}


def test_throttle_is_sent_as_any_other(pair: Pair) -> None:
    primary, replica = pair
    with primary.raw() as connection:
        for name in ("RL.THROTTLE", "CL.THROTTLE"):
            assert integers(connection(name, "k", 4, 1, 3_600, 2))[0] == 0
        assert_same_on_replica(primary, replica)
        offset = replication.offset(primary.client())
        assert integers(connection("CL.THROTTLE", "k", 4, 1, 3_600, 2))[0] == 1
        assert integers(connection("CL.THROTTLE", "k", 4, 1, 3_600, 0))[0] == 0
        assert replication.offset(primary.client()) == offset
    assert ran(replica) == {"rl.apply": 2}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("cost", [0, 10**6])
def test_a_step_back_of_the_clock_is_sent_even_by_a_denied_call(
    pair: Pair, name: str, cost: int
) -> None:
    primary, replica = pair
    call = CALLS[name]
    with primary.raw() as connection:
        connection(*costing(call, 2))
        primary.clock.advance(5_000)
        connection(*costing(call, 2))
        before = assert_same_on_replica(primary, replica)
        primary.clock.advance(-2 * HOUR_MS)
        peeked = connection("RL.PEEK", "k")
        assert state(primary) == before, "RL.PEEK records nothing"
        connection(*costing(call, cost))
        moved = assert_same_on_replica(primary, replica)
        assert moved[b"k"][0] != before[b"k"][0], "the state"
        assert moved[b"k"][1] < before[b"k"][1], "the expiry"
        assert connection("RL.PEEK", "k") == peeked
        # It is recorded once: the same call changes nothing more.
        offset = replication.offset(primary.client())
        connection(*costing(call, cost))
        assert replication.offset(primary.client()) == offset
    assert ran(replica) == {"rl.apply": 3}


def test_a_replica_decides_nothing_by_its_own_clock(pair: Pair) -> None:
    primary, replica = pair
    with primary.raw() as connection:
        connection("RL.FIXED", "window", 5, 60, "COST", 3)
        connection("RL.TOKEN", "bucket", 10, 10, 60, "COST", 10)
        for ahead_ms in (10 * HOUR_MS, -10 * HOUR_MS):
            replica.clock.set_ms(START_MS + ahead_ms)
            primary.clock.advance(1_000)
            connection("RL.FIXED", "window", 5, 60)
            connection("RL.TOKEN", "bucket", 10, 10, 60)
            assert_same_on_replica(primary, replica)
    replica.clock.set_ms(primary.clock.now_ms())
    with primary.raw() as here, replica.raw() as there:
        for key in ("window", "bucket"):
            assert there("RL.PEEK", key) == here("RL.PEEK", key)
            assert len(rows(there("RL.PEEK", key))) == 1
        refused = there("RL.FIXED", "window", 5, 60)
        assert isinstance(refused, Failure)
        assert refused.text.startswith("READONLY ")


def test_an_expired_key_begins_anew_on_both(pair: Pair) -> None:
    primary, replica = pair
    replica.clock.set_ms(START_MS - HOUR_MS)
    with primary.raw() as connection:
        for call in CALLS.values():
            connection(*costing(call, 3))
        primary.clock.advance(40 * 24 * HOUR_MS)
        for call in CALLS.values():
            assert connection(*costing(call, 3)) is not None
    assert_same_on_replica(primary, replica)


def test_rl_apply_of_a_client_is_sent_as_it_came(pair: Pair) -> None:
    primary, replica = pair
    limiter = payload.fixed(HOUR_MS, 9, START_MS, 2)
    whole = payload.effect_of_state(payload.state([limiter]), START_MS + HOUR_MS)
    change = payload.effect_of_changes(
        [payload.append(HOUR_MS, 9, 2)], START_MS, START_MS + 2 * HOUR_MS
    )
    with primary.raw() as connection:
        assert connection("RL.APPLY", "k", whole) == Status("OK")
        assert connection("RL.APPLY", "k", change) == Status("OK")
        kept = assert_same_on_replica(primary, replica)
        assert kept[b"k"][1] == START_MS + 2 * HOUR_MS
        assert ran(replica) == {"rl.apply": 2}
        offset = replication.offset(primary.client())
        assert isinstance(connection("RL.APPLY", "k", b"nonsense"), Failure)
        assert replication.offset(primary.client()) == offset


def test_effects_inside_transactions_and_scripts(pair: Pair) -> None:
    primary, replica = pair
    script = """
        redis.call('RL.LIMIT', KEYS[1], 'FIXED', 5, '1h', 'LOG', 5, '1h')
        redis.call('RL.TOKEN', KEYS[1], 5, 1, '1h', 'COST', 9)
        redis.call('SET', KEYS[2], 'v')
        return redis.call('RL.TOKEN', KEYS[1], 5, 1, '1h')
    """
    with primary.raw() as connection:
        connection("MULTI")
        for call in CALLS.values():
            connection(*call)
        connection(*costing(CALLS["fixed"], 100))
        connection("SET", "plain", "v")
        replies = connection("EXEC")
        assert isinstance(replies, list)
        assert not any(isinstance(reply, Failure) for reply in replies)
        assert_same_on_replica(primary, replica)
        assert ran(replica) == {"rl.apply": len(CALLS)}
        assert integers(connection("EVAL", script, 2, "scripted", "plain"))[0] == 1
        kept = assert_same_on_replica(primary, replica)
        assert b"scripted" in kept
        assert ran(replica) == {"rl.apply": len(CALLS) + 2}
        calls = replication.calls(replica.client())
        assert "eval" not in calls
        assert "evalsha" not in calls


def test_keys_that_are_copied_renamed_and_restored_are_the_same_there(pair: Pair) -> None:
    primary, replica = pair
    with primary.raw() as connection:
        History(seed=8).play(connection, [primary.clock], 300)
        connection("RL.LIMIT", "k", "LOG", 9, "2d", "LEAKY", 9, 1, "1d")
        dumped = connection("DUMP", "k")
        assert isinstance(dumped, bytes)
        assert connection("RESTORE", "restored", 7 * HOUR_MS, dumped) == Status("OK")
        assert connection("COPY", "k", "copied") == 1
        assert connection("RENAME", "k", "renamed") == Status("OK")
        assert connection("DEL", "shared") in (0, 1)
        for key in ("restored", "copied", "renamed"):
            connection("RL.LOG", key, 9, "2d")
    kept = assert_same_on_replica(primary, replica)
    assert kept[b"restored"] == kept[b"copied"] == kept[b"renamed"]


def test_what_an_rl_log_sends_does_not_grow_with_it(pair: Pair) -> None:
    primary, replica = pair
    newest_ms = START_MS + 8 * HOUR_MS
    effect = payload.effect_of_state(payload.long_log(100_000, newest_ms), newest_ms + 24 * HOUR_MS)
    primary.clock.set_ms(newest_ms)
    costs = {}
    with primary.raw() as connection:
        assert connection("RL.APPLY", "long", effect) == Status("OK")
        for key in ("short", "long"):
            connection("RL.LOG", key, 1_000_000, "1d")
            before = replication.offset(primary.client())
            for _ in range(100):
                primary.clock.advance(1)
                connection("RL.LOG", key, 1_000_000, "1d", "COST", 3)
            costs[key] = replication.offset(primary.client()) - before
        # The key's own length apart, both are the same, and little.
        assert abs(costs["long"] - costs["short"]) <= 100
        assert costs["long"] < 100 * 100
    assert_same_on_replica(primary, replica)


def test_databases_are_kept_apart(pair: Pair) -> None:
    primary, replica = pair
    with primary.raw() as connection:
        for database in (0, 3):
            connection("SELECT", database)
            connection("RL.FIXED", "k", 9, 60, "COST", 1 + database)
    replication.wait_in_sync(primary, replica)
    with primary.raw() as here, replica.raw() as there:
        digests = []
        for database in (0, 3):
            here("SELECT", database)
            there("SELECT", database)
            digests.append(here("DEBUG", "DIGEST-VALUE", "k"))
            assert there("DEBUG", "DIGEST-VALUE", "k") == digests[-1]
    assert digests[0] != digests[1]
