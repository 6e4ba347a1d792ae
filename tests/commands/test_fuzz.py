"""Whatever a client sends: the same server goes on, and no key is left without a TTL."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable

import pytest

from support.effects import effects
from support.pool import NewServer
from support.replication import calls, info
from support.resp import Argument, Failure, RawConnection, Status, encode
from support.server import Server
from support.verdicts import rows

COMMANDS = (
    *("RL.FIXED", "RL.SLIDING", "RL.LOG", "RL.TOKEN", "RL.LEAKY", "RL.LIMIT", "RL.ALL"),
    *("RL.PEEK", "RL.SETTLE", "RL.THROTTLE", "CL.THROTTLE", "RL.HELP", "RL.VERSION"),
    *("RL.LEASE", "RL.RENEW", "RL.RELEASE", "RL.TOP"),
)
CHARGING = COMMANDS[:7]
SYNTAX: dict[str, str] = {
    **dict.fromkeys(("RL.FIXED", "RL.SLIDING"), "key limit period"),
    "RL.LOG": "key small period",
    **dict.fromkeys(("RL.TOKEN", "RL.LEAKY"), "key limit refill period"),
    **dict.fromkeys(("RL.THROTTLE", "CL.THROTTLE"), "key small refill period"),
    "RL.SETTLE": "key id cost",
    "RL.LEASE": "key places period id",
    "RL.RENEW": "key period id",
    "RL.RELEASE": "key id",
    "RL.TOP": "shadow",
    "RL.PEEK": "key",
    "RL.HELP": "",
    "RL.VERSION": "",
}
CLAUSES: dict[str, str] = {
    **dict.fromkeys(("FIXED", "SLIDING", "fixed"), "limit period"),
    **dict.fromkeys(("LOG", "log"), "small period"),
    **dict.fromkeys(("TOKEN", "LEAKY", "Leaky"), "limit refill period"),
}
BESIDE_LIMITS: dict[str, str] = {
    **dict.fromkeys(("LEASE", "lease"), "places period"),
    **dict.fromkeys(("SHADOW FIXED", "shadow sliding"), "limit period"),
    "Shadow Log": "small period",
    **dict.fromkeys(("SHADOW TOKEN", "SHADOW LEAKY"), "limit refill period"),
    "BAN": "refusals period period",
    "ban": "refusals day period week",
}
EDGES = (
    *(b"0", b"1", b"-1", b"+1", b"01", b"", b"2147483648", b"4294967296", b"9007199254740993"),
    *(b"999999999999", b"1000000000000", b"1000000000001", b"9223372036854775807"),
    *(b"9223372036854775808", b"18446744073709551615", b"18446744073709551616", b"9" * 40),
    *(
        b"nan",
        b"inf",
        b"1e9",
        b"0.5",
        b"COST",
        b"cost",
        b"ID",
        b"KEEP",
        b"AND",
        b"FIXED",
        b"LOG",
        b"LEASE",
        b"SHADOW",
        b"BAN",
        b"366d",
        b"367d",
    ),
    *(b"1ms", b"0ms", b"31622400000ms", b"31622400001ms", b"52w", b"\x00", b"\xff" * 8, b"%s%n"),
)
MAX_CHUNK = 500


class Fuzzer:
    """Makes argument vectors, some right, some nearly right, some nonsense; from a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self._charges: deque[list[bytes]] = deque(maxlen=20)
        self._words: dict[str, Callable[[], bytes]] = {
            "key": lambda: b"k%d" % self.rng.randrange(200),
            "limit": lambda: b"%d" % self.rng.choice((0, 1, 5, 100, 10**6, 10**12)),
            "small": lambda: b"%d" % self.rng.choice((0, 1, 5, 100, 10**6)),
            "places": lambda: b"%d" % self.rng.choice((0, 1, 3, 10_000)),
            "refusals": lambda: b"%d" % self.rng.choice((1, 1, 1, 2, 10**6)),
            "day": lambda: b"1d",
            "week": lambda: b"7d",
            "shadow": lambda: self.rng.choice((b"SHADOW", b"shadow")),
            "refill": lambda: b"%d" % self.rng.choice((1, 3, 100, 10**12)),
            "period": lambda: self.rng.choice((b"1ms", b"7", b"10s", b"1m", b"1h", b"1w", b"366d")),
            "cost": lambda: b"%d" % self.rng.choice((0, 1, 1, 2, 5, 99, 10**6, 10**12)),
            "id": lambda: self.rng.choice((b"a", b"b", b"c" * 17, b"\x00" * 64)),
            "keep": lambda: self.rng.choice((b"1ms", b"7", b"10m", b"1d")),
        }

    def noise(self) -> bytes:
        """Some bytes."""
        return self.rng.randbytes(self.rng.choice((0, 1, 2, 3, 8, 40, 300)))

    def vector(self) -> list[bytes]:
        """One command; now and then one that was, or what settles it."""
        rng = self.rng
        if self._charges and rng.random() < 0.1:
            charge = rng.choice(self._charges)
            settle = [
                b"RL.SETTLE",
                charge[1],
                charge[charge.index(b"ID") + 1],
                self._words["cost"](),
            ]
            return rng.choice([charge, settle])
        if rng.random() < 0.05:
            return self.hammer()
        name = rng.choice(COMMANDS)
        if name == "RL.LIMIT":
            words = self.group(rng.choice((1, 1, 2, 3, 16, 17)))
        elif name == "RL.ALL":
            words = self.group(rng.choice((1, 1, 2)))
            for _ in range(rng.choice((0, 1, 1, 2, 7, 8))):
                if rng.random() < 0.4:
                    words += [b"COST", self._words["cost"]()]
                words += [rng.choice((b"AND", b"and")), *self.group(rng.choice((1, 1, 2)))]
        else:
            words = [self._words[each]() for each in SYNTAX[name].split()]
        if name in ("RL.THROTTLE", "CL.THROTTLE") and rng.random() < 0.4:
            words.append(self._words["cost"]())
        elif name in CHARGING:
            words += self.ending(needs_id=any(word in (b"LEASE", b"lease") for word in words))
            if b"ID" in words:
                self._charges.append([name.encode(), *words])
        for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 5))):
            self.spoil(words)
        return [name.encode(), *words]

    def hammer(self) -> list[bytes]:
        """A call at one of few keys that is refused, or would be by a limit on trial."""
        rng = self.rng
        tried = [b"SHADOW", b"FIXED", b"1", self._words["period"]()]
        refused = [b"FIXED", rng.choice((b"0", b"100")), b"1m"]
        banned = [b"BAN", self._words["refusals"](), b"1d", rng.choice((b"1ms", b"7")), b"1m"]
        return [b"RL.LIMIT", b"k%d" % rng.randrange(1, 4), *tried, *refused, *banned]

    def group(self, clauses: int) -> list[bytes]:
        """A key and some clauses."""
        words = [self._words["key"]()]
        for number in range(clauses):
            beside = number > 0 and self.rng.random() < 0.6
            among = BESIDE_LIMITS if beside else CLAUSES
            clause = self.rng.choice(list(among))
            words += clause.encode().split()
            words += [self._words[each]() for each in among[clause].split()]
        return words

    def ending(self, needs_id: bool) -> list[bytes]:
        """The end of a call that may have a cost and an id."""
        rng, words = self.rng, []
        if rng.random() < 0.4:
            words += [b"COST", self._words["cost"]()]
        if rng.random() < (0.95 if needs_id else 0.4):
            words += [b"ID", self._words["id"]()]
            if rng.random() < 0.5:
                words += [b"keep", self._words["keep"]()]
        return words

    def spoil(self, words: list[bytes]) -> None:
        """Make one thing wrong, or right again."""
        rng = self.rng
        at = rng.randrange(len(words) + 1)
        word = rng.choice((rng.choice(EDGES), self.noise()))
        match rng.randrange(4):
            case 0 if words:
                words[at % len(words)] = word
            case 1:
                words.insert(at, word)
            case 2 if words:
                del words[at % len(words)]
            case _ if words:
                words.insert(at, rng.choice(words))

    def payload(self, known: list[bytes]) -> bytes:
        """An effect: of the server's own, mutated, or nonsense."""
        rng = self.rng
        if rng.random() < 0.2:
            return rng.choice((b"", b"\x01", b"\x01\x01", b"\x01\x02")) + self.noise()
        payload = bytearray(rng.choice(known))
        for _ in range(rng.choice((0, 1, 1, 1, 2, 8))):
            at = rng.randrange(len(payload))
            match rng.randrange(5):
                case 0:
                    payload[at] ^= 1 << rng.randrange(8)
                case 1:
                    payload[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
                case 2:
                    del payload[at : at + rng.randrange(1, 6)]
                case 3:
                    payload[at:at] = rng.randbytes(rng.randrange(1, 6))
                case _:
                    other = rng.choice(known)
                    payload[at:] = other[min(at, len(other)) :]
            if not payload:
                break
        return bytes(payload)


def send_all(raw: RawConnection, vectors: list[list[bytes]]) -> tuple[int, int]:
    """Send them in pipelines; how many were carried out, and how many refused."""
    done = refused = 0
    for start in range(0, len(vectors), MAX_CHUNK):
        chunk = vectors[start : start + MAX_CHUNK]
        raw.send(b"".join(encode(vector) for vector in chunk))
        for vector in chunk:
            reply = raw.read()
            if isinstance(reply, Failure):
                refused += 1
                assert reply.text.startswith(("ERR ", "WRONGTYPE ")), vector
                assert "internal error" not in reply.text, vector
                assert reply.text.isprintable(), vector
            else:
                done += 1
    return done, refused


def check(server: Server, run_id: str, pid: int) -> None:
    """The same process answers, every key has a TTL, and can be looked at, copied and saved."""
    told = info(server.client(), "server")
    assert (told["run_id"], told["process_id"], server.pid) == (run_id, pid, pid)
    with server.raw() as raw:
        assert raw("PING") == Status("PONG")
        keys = raw("KEYS", "*")
        assert isinstance(keys, list)
        names: list[Argument] = [key for key in keys if isinstance(key, bytes)]
        for name, ttl in zip(names, raw.pipeline([["PTTL", name] for name in names]), strict=True):
            assert isinstance(ttl, int)
            assert ttl >= 0, name
        limiters = [
            name for name, kind in zip(names, types(raw, names), strict=True) if kind == "ratelimit"
        ]
        assert len(limiters) > 100
        for name in limiters:
            rows(raw("RL.PEEK", name))
            assert raw("COPY", name, "copy", "REPLACE") == 1
        before = raw("DEBUG", "DIGEST-VALUE", *limiters)
        assert raw("DEBUG", "RELOAD") == Status("OK")
        assert raw("DEBUG", "DIGEST-VALUE", *limiters) == before
    server.check()


def types(raw: RawConnection, names: list[Argument]) -> list[str]:
    """The type of each key."""
    replies = raw.pipeline([["TYPE", name] for name in names])
    return [reply.text for reply in replies if isinstance(reply, Status)]


@pytest.mark.parametrize("seed", range(4))
def test_any_words(new_server: NewServer, seed: int) -> None:
    server = new_server()
    run_id, pid = info(server.client(), "server")["run_id"], server.pid
    fuzzer = Fuzzer(seed)
    done = refused = 0
    with server.raw() as raw:
        raw("SET", "k0", "a string")
        raw("EXPIRE", "k0", 10**9)
        for _ in range(52):
            server.clock.advance(fuzzer.rng.choice((0, 1, 1_000, 60_000, 86_400_000, -5_000)))
            counts = send_all(raw, [fuzzer.vector() for _ in range(MAX_CHUNK)])
            done, refused = done + counts[0], refused + counts[1]
        told = info(server.client(), "ratelimit")
        ran = calls(server.client())
    assert ran["rl.all"] > 500
    assert min(ran[name] for name in ("rl.lease", "rl.renew", "rl.release")) > 500
    for name in (
        *("repeats", "settled_less", "settled_more", "settled_unknown"),
        *("leases_released", "leases_ended", "shadow_allowed", "shadow_denied", "bans_started"),
    ):
        assert told[f"ratelimit_{name}"] > 20, name
    assert done + refused == 26_000
    assert done > 5_000
    assert refused > 5_000
    check(server, run_id, pid)


def test_any_effect(new_server: NewServer) -> None:
    server = new_server(config={"appendonly": "yes", "appendfsync": "always"})
    run_id, pid = info(server.client(), "server")["run_id"], server.pid
    fuzzer = Fuzzer(99)
    with server.raw() as raw:
        send_all(raw, [fuzzer.vector() for _ in range(2_000)])
        raw("CONFIG", "SET", "appendonly", "no")
        known = effects(server)
        assert len(known) > 200
        assert sum(effect[1] == 3 for effect in known) > 50, "of keys with receipts"
        vectors = [
            [b"RL.APPLY", b"k%d" % fuzzer.rng.randrange(200), fuzzer.payload(known)]
            for _ in range(12_000)
        ]
        others = [fuzzer.vector() for _ in range(4_000)]
        mixed = [vectors.pop() if i % 4 or not others else others.pop() for i in range(12_000)]
        done, refused = send_all(raw, mixed)
    assert done > 2_000
    assert refused > 2_000
    check(server, run_id, pid)
