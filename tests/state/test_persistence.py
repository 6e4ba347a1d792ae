"""What a server holds after it was stopped, killed or reloaded: the same, to the bit."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from support import payload, replication
from support.aof import rewrite_aof, wait_for_rewrite
from support.clock import START_MS
from support.eventually import eventually
from support.histories import HOUR_MS, History, State, state
from support.pool import NewServer
from support.resp import Argument, Failure, RawConnection, Status
from support.server import Server
from support.verdicts import integers, rows

pytestmark = pytest.mark.all_servers

AOF = {"appendonly": "yes", "appendfsync": "always"}

# A million of each: what is counted does not come back within a test.
CALLS: dict[str, list[Argument]] = {
    "fixed": ["RL.FIXED", "fixed", 10**6, "30d"],
    "sliding": ["RL.SLIDING", "sliding", 10**6, "30d"],
    "log": ["RL.LOG", "log", 10**6, "30d"],
    "token": ["RL.TOKEN", "token", 10**6, 1, "30d"],
    "leaky": ["RL.LEAKY", "leaky", 10**6, 1, "30d"],
    "limit": ["RL.LIMIT", "limit", "FIXED", 10**6, "30d", "LOG", 10**6, "30d"],
}


def states(now_ms: int) -> dict[str, bytes]:
    """Each algorithm with no byte of its numbers 0, all of them, and a log of 100,000 entries."""
    day_ms, large = 24 * HOUR_MS, 0x5A_A5_5A_A5_5A
    each = {
        "state:fixed": payload.fixed(day_ms, large, now_ms, large - 1),
        "state:sliding": payload.sliding(day_ms, large, now_ms // day_ms, large - 2, large - 3),
        "state:log": payload.log(day_ms, 9, [(now_ms - 500, 2), (now_ms - 3, 4)]),
        "state:token": payload.bucket(3, day_ms, large, large - 4, large * day_ms - 5, now_ms),
        "state:leaky": payload.bucket(4, day_ms, large, large - 6, large * day_ms - 7, now_ms),
    }
    return {
        **{name: payload.state([limiter]) for name, limiter in each.items()},
        "state:all": payload.state(list(each.values())),
        "long": payload.long_log(100_000, now_ms),
    }


def fill(server: Server, seed: int) -> None:
    """A random history, and a key of each algorithm whose expiry is far."""
    with server.raw() as connection:
        History(seed).play(connection, [server.clock], 400)
        for call in CALLS.values():
            assert not isinstance(connection(*call), Failure)
        for name, value in states(server.clock.now_ms()).items():
            effect = payload.effect_of_state(value, server.clock.now_ms() + 48 * HOUR_MS)
            assert connection("RL.APPLY", name, effect) == Status("OK")
        connection("RL.LOG", "long", 1_000_000, "1d", "COST", 2)


def outlast(kept: State, ms: int) -> State:
    """Those keys that live for that long from the start, and more."""
    return {key: found for key, found in kept.items() if found[1] > ms}


@pytest.mark.parametrize("off_ms", [-HOUR_MS, HOUR_MS])
def test_an_aof_replayed_an_hour_off_makes_the_same(new_server: NewServer, off_ms: int) -> None:
    server = new_server(config=AOF)
    fill(server, seed=off_ms)
    now_ms = server.clock.now_ms()
    kept = outlast(state(server), now_ms + off_ms)
    assert len(kept) > 8
    server.stop()
    server.clock.advance(off_ms)
    server.start()
    server.clock.set_ms(now_ms)
    assert state(server, list(kept)) == kept
    assert replication.calls(server.client()).keys().isdisjoint({"rl.fixed", "rl.log"})


@pytest.mark.parametrize("preamble", ["yes", "no"])
def test_a_rewritten_aof_makes_the_same(new_server: NewServer, preamble: str) -> None:
    server = new_server(config={**AOF, "aof-use-rdb-preamble": preamble})
    fill(server, seed=2)
    rewrite_aof(server)
    base = b"".join(file.read_bytes() for file in server.folder.rglob("*.base.*"))
    assert (b"rl.apply" in base.lower()) == (preamble == "no")
    with server.raw() as connection:
        for call in CALLS.values():
            connection(*call)
    kept = state(server)
    server.kill9()
    server.start()
    assert state(server) == kept


def test_an_aof_that_is_turned_on_under_way_misses_nothing(new_server: NewServer) -> None:
    server = new_server(config={"appendfsync": "always"})
    with server.raw() as connection:
        for seed in range(3):
            History(seed).play(connection, [server.clock], 100)
            connection("CONFIG", "SET", "appendonly", "yes")
            replies = connection.pipeline(History(seed).calls(2_000))
            assert not any(isinstance(reply, Failure) for reply in replies)
            wait_for_rewrite(server)
            kept = state(server)
            assert connection("DEBUG", "LOADAOF") == Status("OK")
            assert state(server) == kept
            connection("CONFIG", "SET", "appendonly", "no")


def test_an_rdb_file_makes_the_same(new_server: NewServer) -> None:
    server = new_server()
    fill(server, seed=3)
    kept = state(server)
    server.client().execute_command("SAVE")
    server.kill9()
    server.start()
    assert state(server) == kept
    assert all(at_ms > 0 for _, at_ms in kept.values())
    with server.raw() as connection:
        assert connection("DEBUG", "RELOAD") == Status("OK")
        assert integers(connection(*CALLS["token"]))[:3] == [1, 10**6, 10**6 - 2]
    assert state(server, [b"long"]) == {b"long": kept[b"long"]}


@pytest.mark.parametrize("appendonly", ["yes", "no"])
def test_what_expired_while_the_server_was_down_is_as_new(
    new_server: NewServer, appendonly: str
) -> None:
    server = new_server(config={"appendonly": appendonly, "appendfsync": "always"})
    with server.raw() as connection:
        connection("RL.FIXED", "short", 2, "1m", "COST", 2)
        connection("RL.LIMIT", "both", "FIXED", 2, "1m", "LOG", 2, "1d", "COST", 2)
        connection("SAVE")
    server.stop()
    server.clock.advance(HOUR_MS)
    server.start()
    with server.raw() as connection:
        assert connection("RL.PEEK", "short") == []
        left = rows(connection("RL.PEEK", "both"))
        day_ms = 24 * HOUR_MS
        assert left == [[b"log", 2, 2, day_ms, 0, day_ms - HOUR_MS, day_ms - HOUR_MS]]
        assert integers(connection("RL.FIXED", "short", 2, "1m")) == [1, 2, 1, 0, 60_000]
        assert integers(connection("RL.FIXED", "both", 2, "1m")) == [1, 2, 1, 0, 60_000]
        assert integers(connection("RL.LOG", "both", 2, "1d"))[0] == 0


def test_dump_and_restore_make_the_same_here_and_elsewhere(new_server: NewServer) -> None:
    server, other = new_server(), new_server()
    other.clock.advance(-HOUR_MS)
    fill(server, seed=4)
    kept = state(server)
    with server.raw() as here, other.raw() as there:
        for key, (_, at_ms) in kept.items():
            dumped = here("DUMP", key)
            assert isinstance(dumped, bytes)
            for connection in (here, there):
                restored = connection("RESTORE", b"to:" + key, at_ms, dumped, "ABSTTL")
                assert restored == Status("OK"), restored
        for server_there in (server, other):
            server_there.clock.set_ms(server.clock.now_ms())
            restored_state = state(server_there, [b"to:" + key for key in kept])
            assert list(restored_state.values()) == list(kept.values())


def test_a_copy_is_equal_and_its_own(new_server: NewServer) -> None:
    server = new_server()
    fill(server, seed=5)
    kept = state(server)
    with server.raw() as connection:
        for key in kept:
            assert connection("COPY", key, b"to:" + key) == 1
        copies = [b"to:" + key for key in kept]
        assert list(state(server, copies).values()) == list(kept.values())
        server.clock.advance(1)
        for call in CALLS.values():
            connection(*call)
        connection("RL.LOG", "long", 1_000_000, "1d")
        connection("RL.TOKEN", "shared", 9, 9, 60)
        assert list(state(server, copies).values()) == list(kept.values())
        assert state(server, [b"long", b"token"]).items().isdisjoint(kept.items())


def test_a_key_that_was_left_without_an_expiry_gets_it_back(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as connection:
        for name, call in CALLS.items():
            connection(*call)
            expires_at = connection("PEXPIRETIME", name)
            assert isinstance(expires_at, int)
            dumped = connection("DUMP", name)
            assert isinstance(dumped, bytes)
            assert connection("RESTORE", name, 0, dumped, "REPLACE") == Status("OK")
            connection(*call, "COST", 10**12)
            connection(*call, "COST", 0)
            assert connection("PTTL", name) == -1, "only an allowed call records"
            connection(*call)
            again = connection("PEXPIRETIME", name)
            assert isinstance(again, int)
            assert again >= expires_at
            connection("PERSIST", name)
            connection(*call)
            assert isinstance(connection("PTTL", name), int)
            assert connection("PTTL", name) != -1
    assert server.clock.now_ms() == START_MS


def test_a_default_user_who_may_do_nothing_hinders_no_replay(new_server: NewServer) -> None:
    server = new_server(config=AOF)
    # No transactions: a Redis holds those of its AOF to what the default user may, by itself.
    with server.raw() as connection:
        for _ in range(3):
            assert not any(isinstance(connection(*call), Failure) for call in CALLS.values())
    kept = state(server)
    looking = "+ping +keys +pexpiretime +exists +debug"
    server.restart({"user": f"default on nopass ~* -@all {looking}"})
    with server.raw() as connection:
        refused = connection("RL.FIXED", "k", 9, 60)
        assert isinstance(refused, Failure)
        assert refused.text.startswith("NOPERM ")
    assert state(server) == kept


class Client(threading.Thread):
    """Calls and calls until the server is gone, and keeps the books."""

    def __init__(self, port: int, call: list[Argument], cost: int) -> None:
        super().__init__()
        self.port, self.call, self.cost = port, [*call, "COST", cost], cost
        self.acknowledged = 0
        self.denied = 0
        self.sent = 0

    def run(self) -> None:
        try:
            with RawConnection(self.port) as connection:
                while True:
                    self.sent += self.cost
                    reply = connection(*self.call)
                    assert isinstance(reply, list)
                    if reply[0] == 1:
                        self.acknowledged += self.cost
                    else:
                        self.sent -= self.cost
                        self.denied += 1
        except OSError:
            return


def all_are_busy(clients: list[Client]) -> bool:
    """Whether each has been allowed, or denied, often enough to be killed under way."""
    return all(client.acknowledged > 60 or client.denied > 20 for client in clients)


def used(connection: RawConnection, key: str) -> list[int]:
    """What is used of each limiter of a key, by its own numbers."""
    return [int(str(row[1])) - int(str(row[4])) for row in rows(connection("RL.PEEK", key))]


def test_kill_9_forgets_nothing_admitted_and_charges_nothing_denied(new_server: NewServer) -> None:
    server = new_server(config=AOF)
    small: dict[str, list[Argument]] = {
        name: [f"small:{word}" if word == name else 40 if word == 10**6 else word for word in call]
        for name, call in CALLS.items()
    }
    for _ in range(2):
        clients = {
            name: [Client(server.port, call, cost) for cost in (1, 3)]
            for name, call in [*CALLS.items(), *((f"small:{n}", c) for n, c in small.items())]
        }
        with server.raw() as connection:
            before = {name: used(connection, name) or [0, 0] for name in clients}
        everyone = [client for both in clients.values() for client in both]
        for client in everyone:
            client.start()
        eventually(partial(all_are_busy, everyone), 120.0)
        server.kill9()
        for client in everyone:
            client.join()
        server.start()
        with server.raw() as connection:
            for name, (one, other) in clients.items():
                acknowledged = one.acknowledged + other.acknowledged
                sent = one.sent + other.sent
                found = used(connection, name)
                assert len(set(found)) == 1, f"{name}: all or nothing"
                assert acknowledged <= found[0] - before[name][0] <= sent, name
                if name.startswith("small:"):
                    assert found[0] == 40, "filled to its limit and not beyond"
                    assert min(one.denied, other.denied) > 0, "which shows nothing"
