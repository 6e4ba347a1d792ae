"""Within a script, a call that needs memory is refused exactly where a SET is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from support.pool import NewServer
from support.resp import Failure, RawConnection, Reply

pytestmark = pytest.mark.all_servers

SET = "redis.call('SET', KEYS[1], 'v')"
OURS = {
    "RL.FIXED": "redis.call('RL.FIXED', KEYS[1], 5, '1h')",
    "RL.LOG": "redis.call('RL.LOG', KEYS[1], 5, '1h')",
    "RL.LIMIT": "redis.call('RL.LIMIT', KEYS[1], 'FIXED', 5, '1h', 'LOG', 5, '1h')",
    "RL.THROTTLE": "redis.call('RL.THROTTLE', KEYS[1], 5, 5, 60)",
}
FULL = 300_000
ALLOW = "#!lua flags=allow-oom\n"
PLAIN = "#!lua\n"
# What the script does before, and whether a SET passes then.
BEFORE = {
    "nothing": ("", False),
    "a look": ("redis.call('GET', 'other')", False),
    "a look of ours": ("redis.call('RL.PEEK', 'other')", False),
    "no command": ("redis.pcall('NOPE', 'x')", False),
    "a deletion": ("redis.call('DEL', 'other')", True),
    "an expiry": ("redis.call('EXPIRE', 'old', 1000)", True),
    "a subcommand": ("redis.pcall('XGROUP', 'DESTROY', 'other', 'group')", True),
    "a refused write": ("redis.pcall('SET', 'other', 'v')", False),
    "a call of ours that passes": ("redis.call('RL.FIXED', 'old', 5, '1h')", True),
    "a call of ours that does not": ("redis.pcall('RL.FIXED', 'other', 5, '1h')", True),
    "a deletion without a key": ("redis.pcall('DEL')", False),
    "our internal command": ("redis.pcall('RL.APPLY', 'other', 'x')", False),
}


@pytest.fixture
def raw(raw: RawConnection) -> Iterator[RawConnection]:
    """A connection to the shared server, which has one limiter and no memory left meanwhile."""
    raw("RL.FIXED", "old", 5, "1h")
    raw("CONFIG", "SET", "maxmemory", FULL)
    assert refused(raw("SET", "k", "v"))
    yield raw
    raw("CONFIG", "SET", "maxmemory", 0)


def refused(reply: Reply) -> bool:
    """Whether it is refused for want of memory, and not for anything else."""
    if isinstance(reply, Failure):
        assert "OOM" in reply.text, reply
        return True
    return False


def by_eval(raw: RawConnection, text: str, key: str) -> Reply:
    """Run a script by its text."""
    return raw("EVAL", text, 1, key)


def by_hash(raw: RawConnection, text: str, key: str) -> Reply:
    """Run a script by its hash."""
    loaded = raw("SCRIPT", "LOAD", text)
    assert isinstance(loaded, bytes)
    return raw("EVALSHA", loaded, 1, key)


RUNS: dict[str, Callable[[RawConnection, str, str], Reply]] = {"EVAL": by_eval, "EVALSHA": by_hash}


def script(header: str, before: str, call: str) -> str:
    """A script that does something before the call in question."""
    return f"{header}{before}\nreturn {call}"


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("before", BEFORE)
def test_after_what_the_script_has_called(raw: RawConnection, before: str, run: str) -> None:
    does, passes = BEFORE[before]
    for call in (SET, *OURS.values()):
        raw("DEL", "k", "other")
        reply = RUNS[run](raw, script("", does, call), "k")
        assert refused(reply) == (not passes), call
        # The next script begins anew.
        raw("DEL", "k", "other")
        assert refused(RUNS[run](raw, script("", "", call), "k")), call


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("header", [ALLOW, PLAIN, ""], ids=["allow-oom", "no flags", "plain"])
def test_by_the_flags_of_the_script(raw: RawConnection, header: str, run: str) -> None:
    for call in (SET, *OURS.values()):
        raw("DEL", "k")
        reply = RUNS[run](raw, script(header, "", call), "k")
        assert refused(reply) == (header != ALLOW), call
        assert raw("EXISTS", "k") == (header == ALLOW)


@pytest.mark.parametrize("flags", ["flags={'allow-oom'}, ", ""], ids=["allow-oom", "no flags"])
def test_by_the_flags_of_a_function(new_server: NewServer, flags: str) -> None:
    server = new_server()
    calls = {"SET": SET, **OURS}
    functions = "".join(
        f"redis.register_function{{function_name='f{number}', {flags}"
        f"callback=function(KEYS, ARGV) return {call} end}}\n"
        for number, call in enumerate(calls.values())
    )
    with server.raw() as raw, server.raw() as admin:
        assert raw("FUNCTION", "LOAD", f"#!lua name=lib\n{functions}") == b"lib"
        for number, call in enumerate(calls):
            function = ("FCALL", f"f{number}", 1, "k")
            admin("CONFIG", "SET", "maxmemory", FULL)
            assert refused(raw(*function)) == (not flags), call
            admin("CONFIG", "SET", "maxmemory", 0)
            raw("DEL", "k")
            raw("MULTI")
            raw(*function)
            # No more can be queued than there is memory for.
            admin("CONFIG", "SET", "maxmemory", FULL)
            replies = raw("EXEC")
            # The server refuses the transaction as a whole where the function has no flag.
            reply = replies[0] if isinstance(replies, list) else replies
            assert refused(reply) == (not flags), call
            admin("DEL", "k")


def test_scripts_of_one_transaction_do_not_lend_each_other(new_server: NewServer) -> None:
    server = new_server()
    with server.raw() as raw, server.raw() as admin:
        for call in (SET, *OURS.values()):
            admin("CONFIG", "SET", "maxmemory", 0)
            raw("MULTI")
            raw("EVAL", script("", "redis.call('DEL', 'other')", "1"), 1, "k")
            raw("EVAL", script("", "", call), 1, "k")
            admin("CONFIG", "SET", "maxmemory", FULL)
            replies = raw("EXEC")
            assert isinstance(replies, list)
            assert replies[0] == 1
            assert refused(replies[1]), call


def test_when_there_is_memory_again(raw: RawConnection) -> None:
    call = OURS["RL.FIXED"]
    assert refused(by_eval(raw, script("", "", call), "k"))
    raw("CONFIG", "SET", "maxmemory", 0)
    assert by_eval(raw, script("", "", call), "k") == [1, 5, 4, 0, 3_600_000]
    raw("CONFIG", "SET", "maxmemory", FULL)
    assert refused(by_eval(raw, script("", "", call), "new"))
    assert not refused(by_eval(raw, script("", "redis.call('DEL', 'other')", call), "new"))
