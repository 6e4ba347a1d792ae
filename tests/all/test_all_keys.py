"""RL.ALL: all its keys are told, to clusters, to COMMAND GETKEYS and to access control."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from support.kinds import Kind
from support.pool import NewServer
from support.resp import Argument, Failure, RawConnection, Reply, Status
from support.server import Server
from support.untouched import nothing_written
from support.verdicts import clauses

pytestmark = pytest.mark.all_servers

KEYS = {
    "a FIXED 5 1m": "a",
    "a FIXED 5 1m COST 2": "a",
    "a FIXED 5 1m AND b FIXED 5 1m": "a b",
    "a FIXED 5 1m LOG 5 1m COST 2 AND b TOKEN 5 1 1m AND c LEAKY 5 1 1m ID x KEEP 1m": "a b c",
    "a SLIDING 5 1m and b sliding 5 1m And c fixed 5 1m cost 3": "a b c",
    " AND ".join(f"k{n} FIXED 5 1m" for n in range(8)): " ".join(f"k{n}" for n in range(8)),
    # Places, limits on trial, bans: with all their words, and none of another's.
    "a LEASE 5 1m AND b SHADOW FIXED 5 1m AND c FIXED 5 1m BAN 5 1m 1h ID x": "a b c",
    "a FIXED 5 1m BAN 5 1m 1m 1h AND b SHADOW TOKEN 5 1 1m COST 2 AND c lease 5 1m": "a b c",
    "a FIXED 5 1m ban 5 1m 1m POLICY p AND b shadow leaky 5 1 1m BAN 5 1m 1m AND c LOG 5 1m": (
        "a b c"
    ),
    "LEASE LEASE 5 1m AND SHADOW SHADOW FIXED 5 1m AND BAN FIXED 5 1m BAN 5 1m 1h AND 5 LOG 5 5": (
        "LEASE SHADOW BAN 5"
    ),
    "a LEASE AND x AND b BAN x AND y AND c FIXED 5 1m": "a b c",
    "a SHADOW BAN 5 1m 1m AND b SHADOW LEASE 5 1m AND c BAN 5 1m 1m 1x AND d LOG 5 1m": ("a b c d"),
    # Words of the command as keys.
    "AND FIXED 5 1m AND COST FIXED 5 1m AND POLICY LOG 5 1m": "AND COST POLICY",
    "ID FIXED 5 1m COST 1 AND KEEP FIXED 5 1m ID AND": "ID KEEP",
    "FIXED FIXED 5 1m COST 1 AND TOKEN TOKEN 5 1 1m AND 5 LOG 5 5": "FIXED TOKEN 5",
    # Policies, known or not, and of what names ever.
    "a POLICY api AND b POLICY nope FIXED 5 1m AND c FIXED 5 1m": "a b c",
    "a POLICY AND AND b policy COST COST 2 AND c POLICY ID ID AND": "a b c",
    "a POLICY FIXED AND b FIXED 5 1m": "a b",
    # Ids that look as if more were to come.
    "a FIXED 5 1m ID AND KEEP 1m": "a",
    "a FIXED 5 1m AND b FIXED 5 1m COST 1 ID AND": "a b",
    # What is wrong for other reasons names its keys all the same.
    "a FIXED -1 1x AND b TOKEN x y z AND c LOG 1000001 1m": "a b c",
    "a FIXED 5 1m COST AND AND b FIXED 5 1m COST -1 AND c FIXED 5 1m": "a b c",
    "a FIXED 5 1m AND a FIXED 5 1m": "a a",
    "a FIXED 5 1m FIXED 5 1m AND b FIXED 5 1m": "a b",
    " AND ".join(f"k{n} FIXED 5 1m" for n in range(9)): " ".join(f"k{n}" for n in range(9)),
    # Where the words stop making sense, no key can come.
    "a FIXED 5 1m b FIXED 5 1m AND c FIXED 5 1m": "a",
    "a FIXED 5 1m ID x AND b FIXED 5 1m": "a",
    "a FIXED 5 AND b FIXED 5 1m": "a",
    "a FIXED 5 1m AND": "a",
}


@pytest.mark.parametrize("line", KEYS)
def test_getkeys(raw: RawConnection, line: str) -> None:
    expected = [key.encode() for key in KEYS[line].split()]
    assert raw("COMMAND", "GETKEYS", "RL.ALL", *line.split()) == expected
    told = raw("COMMAND", "GETKEYSANDFLAGS", "RL.ALL", *line.split())
    assert isinstance(told, list)
    for key, row in zip(expected, told, strict=True):
        assert isinstance(row, list)
        assert row[0] == key
        assert isinstance(row[1], list)
        assert {flag.text for flag in row[1] if isinstance(flag, Status)} == {
            *("RW", "access", "update")
        }
    assert raw("DBSIZE") == 0, "it was only asked for its keys"


def test_a_key_is_any_bytes(raw: RawConnection) -> None:
    keys: list[Argument] = [b"", b"\x00", b"\r\n", b"\xff\xfe", "\u00e9"]
    words: list[Argument] = []
    for key in keys:
        words += ["AND", key, "FIXED", 5, "1m"]
    told = raw("COMMAND", "GETKEYS", "RL.ALL", *words[1:])
    assert told == [b"", b"\x00", b"\r\n", b"\xff\xfe", "\u00e9".encode()]
    assert clauses(raw("RL.ALL", *words[1:]))[0] == 1


def test_command_info_says_that_keys_move(raw: RawConnection) -> None:
    [info] = replies(raw("COMMAND", "INFO", "rl.all"))
    name, arity, flags, first, last, step, *_ = replies(info)
    assert (name, arity, first, last, step) == (b"rl.all", -4, 1, 1, 1)
    assert {flag.text for flag in replies(flags) if isinstance(flag, Status)} == {
        *("module", "write", "fast", "movablekeys")
    }


def replies(reply: Reply) -> list[Reply]:
    """The reply as an array."""
    assert isinstance(reply, list), reply
    return reply


# Access control


@contextmanager
def user(server: Server, *rules: str) -> Iterator[RawConnection]:
    """A connection as a user that has these rules and no others."""
    with server.raw() as admin:
        assert admin("ACL", "SETUSER", "user", "reset", "on", "nopass", *rules) == Status("OK")
    with server.raw() as connection:
        assert connection("AUTH", "user", "x") == Status("OK")
        yield connection


@pytest.fixture
def own(new_server: NewServer) -> Server:
    """A server whose users are the test's own, with something at a key."""
    server = new_server()
    with server.raw() as raw:
        for key in ("a:k", "b:k"):
            raw("RL.FIXED", key, 5, "1m")
    return server


LINE = "a:k FIXED 5 1m AND b:k FIXED 5 1m COST 2 AND a:j FIXED 5 1m ID x"
BY_SCRIPT = "return redis.pcall('RL.ALL', unpack(ARGV))"


@pytest.mark.parametrize(
    ("rules", "may"),
    [
        ("~a:* ~b:*", True),
        ("~*", True),
        ("%RW~a:* %RW~b:*", True),
        ("~a:* %RW~b:k", True),
        ("~a:*", False),
        ("~b:*", False),
        ("~a:k ~b:*", False),
        ("~a:j ~b:*", False),
        ("~a:* %R~b:*", False),
        ("~a:* %W~b:*", False),
        ("%R~* ~a:*", False),
        ("", False),
    ],
)
def test_rights_are_asked_for_at_every_key(own: Server, rules: str, may: bool) -> None:
    with user(own, *rules.split(), "+@all") as connection:
        if may:
            assert clauses(connection("RL.ALL", *LINE.split()))[0] == 1
            assert clauses(connection("EVAL", BY_SCRIPT, 0, *LINE.split()))[0] == 1
            return
        with nothing_written(own):
            for line in (LINE, LINE.replace("COST 2", "COST 0"), LINE.replace("5 1m", "0 1m")):
                refused = connection("RL.ALL", *line.split())
                assert isinstance(refused, Failure)
                assert refused.text.startswith("NOPERM "), refused
                scripted = connection("EVAL", BY_SCRIPT, 0, *line.split())
                assert isinstance(scripted, Failure)
                said = ("permission", "can't access at least one of the keys")
                assert any(each in scripted.text for each in said), scripted
                connection("MULTI")
                assert isinstance(connection("RL.ALL", *line.split()), Failure)
                assert isinstance(connection("EXEC"), Failure)


def test_it_is_told_beforehand_what_a_user_may(own: Server) -> None:
    with own.raw() as admin:
        admin("ACL", "SETUSER", "user", "reset", "on", "~a:*", "+@all")
        words = LINE.split()
        refused = admin("ACL", "DRYRUN", "user", "RL.ALL", *words)
        assert isinstance(refused, bytes)
        assert b"b:k" in refused
        admin("ACL", "SETUSER", "user", "~b:*")
        assert admin("ACL", "DRYRUN", "user", "RL.ALL", *words) == Status("OK")


def test_a_selector_must_hold_all_keys(own: Server) -> None:
    with user(own, "(~a:* +rl.all)", "(~b:* +rl.all)", "-@all") as connection:
        refused = connection("RL.ALL", *LINE.split())
        assert isinstance(refused, Failure)
        assert refused.text.startswith("NOPERM ")
        of_one = LINE.replace("b:k", "a:b")
        assert clauses(connection("RL.ALL", *of_one.split()))[0] == 1


def test_the_command_by_name_and_by_category(own: Server, kind: Kind) -> None:
    granted: list[tuple[str, ...]] = [("-@all", "+rl.all")]
    if kind.name != "redis-7.0":
        granted += [("-@all", "+@ratelimit"), ("-@all", "+@write", "+@fast")]
    for rules in granted:
        with user(own, "~*", *rules) as connection:
            assert clauses(connection("RL.ALL", *LINE.split()))[0] == 1
    with user(own, "~*", "+@all", "-rl.all") as connection:
        refused = connection("RL.ALL", *LINE.split())
        assert isinstance(refused, Failure)
        assert refused.text.startswith("NOPERM ")


# Whatever is sent


class Calls:
    """Valid and nearly valid calls, from a seed, each key of which is new."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def call(self, number: int) -> list[str]:
        """One call, whose keys have its number."""
        names = [*"ABCDEFGH", "AND", "COST", "POLICY", "ID"]
        self.random.shuffle(names)
        words: list[str] = []
        for name in names[: self.random.choice((1, 2, 2, 3, 8, 9))]:
            words += ["AND", f"{name}:{number}" if len(name) == 1 else name, *self._clauses()]
            if self.random.random() < 0.4:
                words += ["COST", self.random.choice(("0", "1", "2", "AND", "-1"))]
        words = words[1:]
        if self.random.random() < 0.4:
            words += ["ID", self.random.choice(("x", "AND", "COST", "KEEP"))]
        for _ in range(self.random.choice((0, 0, 0, 0, 1, 2))):
            self._spoil(words)
        return words

    def _clauses(self) -> list[str]:
        found: list[str] = []
        for period in self.random.sample(("1m", "1h", "10s", "7"), self.random.choice((1, 1, 2))):
            match self.random.randrange(6):
                case 0:
                    found += [self.random.choice(("TOKEN", "LEAKY", "token")), "5", "1", period]
                case 1:
                    policy = self.random.choice(("api", "AND", "nope", "COST"))
                    found += [self.random.choice(("POLICY", "policy")), policy]
                case _:
                    found += [self.random.choice(("FIXED", "LOG", "sliding")), "5", period]
        return found

    def _spoil(self, words: list[str]) -> None:
        at = self.random.randrange(len(words))
        word = self.random.choice(("AND", "COST", "ID", "FIXED", "POLICY", "api", "5", "", "x"))
        match self.random.randrange(4):
            case 0:
                words[at] = word
            case 1 if len(words) > 4:
                del words[at]
            case 2:
                words.insert(at, self.random.choice(words))
            case _:
                words.insert(at, word)


@pytest.mark.parametrize("seed", range(3))
def test_every_key_that_is_touched_was_told(new_server: NewServer, seed: int) -> None:
    server = new_server()
    calls = Calls(seed)
    done = refused = 0
    with server.raw() as raw, server.raw() as looking:
        for policy in ("api", "AND", "COST"):
            raw("RL.POLICY", "SET", policy, "FIXED", 5, "1d")
        for number in range(3_000):
            call = calls.call(number)
            asked = raw("COMMAND", "GETKEYS", "RL.ALL", *call)
            told = (
                {key for key in asked if isinstance(key, bytes)}
                if isinstance(asked, list)
                else set()
            )
            reply = raw("RL.ALL", *call)
            touched = keys(looking)
            assert touched <= told, call
            if isinstance(reply, Failure):
                refused += 1
                assert touched == set(), call
            else:
                done += 1
                assert len(told) == len(replies(asked)), call
            raw("FLUSHALL")
    assert done > 500
    assert refused > 500


def keys(raw: RawConnection) -> set[bytes]:
    """All keys."""
    return {key for key in replies(raw("KEYS", "*")) if isinstance(key, bytes)}


def forbidden(told: Sequence[bytes]) -> list[list[str]]:
    """For each key that is told, patterns that allow the others alone."""
    names = [key.decode() for key in told]
    return [[f"~{name}" for name in names if name != left_out] for left_out in names]


def test_without_the_right_to_one_key_nothing_is_done(new_server: NewServer) -> None:
    server = new_server()
    calls = Calls(9)
    done = 0
    with server.raw() as admin, server.raw() as connection:
        admin("ACL", "SETUSER", "user", "on", "nopass", "+@all")
        connection("AUTH", "user", "x")
        for number in range(400):
            call = calls.call(number)
            asked = admin("COMMAND", "GETKEYS", "RL.ALL", *call)
            if isinstance(asked, Failure) or b"" in replies(asked):
                continue
            told = [key for key in replies(asked) if isinstance(key, bytes)]
            for patterns in forbidden(told):
                admin("ACL", "SETUSER", "user", "resetkeys", *patterns)
                reply = connection("RL.ALL", *call)
                assert isinstance(reply, Failure), call
                assert reply.text.startswith("NOPERM "), call
                assert admin("DBSIZE") == 0, call
            admin("ACL", "SETUSER", "user", "resetkeys", *(f"~{key.decode()}" for key in told))
            reply = connection("RL.ALL", *call)
            if isinstance(reply, Failure):
                assert not reply.text.startswith("NOPERM "), call
            else:
                done += 1
            admin("FLUSHALL")
    assert done > 50
