"""What users are told: what must be, then what was; and never a password."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.cluster

from redis_rl import ConfigurationError, RateLimiter, StoreUnavailable, SyncRateLimiter
from store.kinds import LONG, Limiter
from support.pool import NewServer
from support.ports import free_port
from support.server import Server

Make = Callable[..., Limiter]
KINDS: dict[str, Any] = {"async": RateLimiter, "sync": SyncRateLimiter}


def unmade(kind: type) -> Any:
    """A client of a class that would connect when it is made."""
    return object.__new__(kind)


@pytest.mark.parametrize("limiter", KINDS)
@pytest.mark.parametrize("made", ["client", "pool", "cluster"])
def test_a_client_of_the_other_kind_is_refused_where_it_is_given(limiter: str, made: str) -> None:
    clients = {
        ("async", "client"): redis.Redis(),
        ("async", "pool"): redis.ConnectionPool(),
        ("async", "cluster"): unmade(redis.cluster.RedisCluster),
        ("sync", "client"): redis.asyncio.Redis(),
        ("sync", "pool"): redis.asyncio.ConnectionPool(),
        ("sync", "cluster"): unmade(redis.asyncio.cluster.RedisCluster),
    }
    wanted = {"async": r"a redis\.asyncio\.Redis", "sync": r"a redis\.Redis"}[limiter]
    other = {"async": "SyncRateLimiter", "sync": "AsyncRateLimiter"}[limiter]
    with pytest.raises(ConfigurationError, match=f"{wanted} .*not a .*which is for {other}"):
        KINDS[limiter](clients[limiter, made])


@pytest.mark.parametrize("limiter", KINDS)
def test_clients_of_valkey_py_are_refused_and_its_urls_are_not(
    limiter: str, server: Server
) -> None:
    valkey = pytest.importorskip("valkey")
    for client in (valkey.Valkey(), valkey.asyncio.Valkey(), valkey.ConnectionPool()):
        with pytest.raises(
            ConfigurationError, match=r"not a valkey\..*: redis-py works with Valkey"
        ):
            KINDS[limiter](client)
    made = KINDS[limiter](f"valkey://127.0.0.1:{server.port}", **LONG)

    async def asked() -> int:
        outcome = made.check("ann", "5/minute")
        return (await outcome if limiter == "async" else outcome).remaining  # type: ignore[no-any-return]

    assert asyncio.run(asked()) == 4


@pytest.mark.parametrize("limiter", KINDS)
@pytest.mark.parametrize(
    ("given", "says"),
    [
        (None, "as in 'redis://localhost:6379'.*not None"),
        (6379, "not a builtins.int"),
        (redis.Redis, "not a "),
        ("", "not without a scheme"),
        ("localhost:6379", "not without a scheme"),
        ("http://localhost", "redis://, rediss:// or unix://, not with http://"),
        ("redis://localhost:port", "host or port is invalid"),
        ("redis://localhost?db=x", "Invalid value for 'db'"),
    ],
)
def test_what_is_no_store_is_told_with_what_must_be(limiter: str, given: Any, says: str) -> None:
    with pytest.raises(ConfigurationError, match=f"redis must be a URL.*{says}"):
        KINDS[limiter](given)


@pytest.mark.parametrize("limiter", KINDS)
def test_a_limiter_without_a_store_says_what_is_missing(limiter: str) -> None:
    with pytest.raises(TypeError, match="'redis'"):
        KINDS[limiter]()


def shown(error: BaseException) -> str:
    """All that a log of an error shows."""
    return "".join(traceback.format_exception(error)) + repr(error)


@pytest.mark.parametrize("limiter", KINDS)
@pytest.mark.parametrize(
    "given",
    [
        "http://ann:secret@localhost",
        "redis://:secret/word@localhost:6379",
        "redis://:secret@localhost:port",
        "redis://:secret@localhost:6379/0?db=x",
        "redis://localhost?db=x&password=secret",
        "redis:secret@localhost",
        b"redis://:secret@localhost",
        {"password": "secret"},
    ],
    ids=repr,
)
def test_a_password_that_is_given_wrongly_is_not_shown(limiter: str, given: Any) -> None:
    with pytest.raises(ConfigurationError) as raised:
        KINDS[limiter](given)
    assert "secret" not in shown(raised.value)


@pytest.fixture(params=["none", "wrong", "unknown command"])
def guarded(request: pytest.FixtureRequest, new_server: NewServer) -> Server:
    """Servers that do not want the password that they are given."""
    config = {
        "none": {},
        "wrong": {"requirepass": "another"},
        "unknown command": {"rename-command": "AUTH hidden"},
    }
    return new_server(config=config[request.param])


async def test_a_password_is_never_in_an_error_or_log(
    limiter_of: Make, guarded: Server, caplog: pytest.LogCaptureFixture
) -> None:
    for user in ("", "ann"):
        limiter = limiter_of(f"redis://{user}:secret@127.0.0.1:{guarded.port}")
        for ask in (limiter.probe, lambda: limiter.check("ann", "5/minute")):  # noqa: B023
            with pytest.raises(StoreUnavailable) as raised:
                await ask()
            assert "secret" not in shown(raised.value)
        assert "secret" not in repr(limiter)
    assert "secret" not in caplog.text
    assert "Requests are refused: " in caplog.text


async def test_a_store_that_is_down_is_told_with_the_cause(limiter_of: Make) -> None:
    port = free_port()
    for host in ("localhost", "127.0.0.1"):
        limiter = limiter_of(f"redis://{host}:{port}")
        for ask in (limiter.probe, lambda: limiter.check("ann", "5/minute")):  # noqa: B023
            with pytest.raises(StoreUnavailable, match=f"{host}:{port}") as raised:
                await ask()
            assert "111" in str(raised.value) or "refused" in str(raised.value).lower()
    with pytest.raises(StoreUnavailable, match="No such file"):
        await limiter_of("unix:///nowhere/redis.sock").probe()
    with pytest.raises(StoreUnavailable, match=r"nowhere\.invalid"):
        await limiter_of("redis://nowhere.invalid").probe()


async def test_tls_to_a_plain_port_is_told(limiter_of: Make, server: Server) -> None:
    # With redis-py before 8 it is a deadline that ends it.
    limiter = limiter_of(f"rediss://127.0.0.1:{server.port}", timeout=0.2, connect_timeout=0.3)
    for ask in (limiter.probe, lambda: limiter.check("ann", "5/minute")):
        assert "use redis:// instead of rediss://" in await said(ask)


async def test_a_connection_that_hangs_is_told_with_its_place(limiter_of: Make) -> None:
    # From Python 3.13 on a connection ends with what holds it.
    held: list[object] = []
    silent = await asyncio.start_server(lambda *ends: held.append(ends), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    limiter = limiter_of(f"redis://127.0.0.1:{port}", timeout=0.1)
    text = await said(lambda: limiter.check("ann", "5/minute"))
    assert f"no connection to 127.0.0.1:{port} within 100 ms" in text
    silent.close()


async def said(ask: Callable[[], Awaitable[object]]) -> str:
    """What an outage is told as, once a busy machine lets the process look in time."""
    for _ in range(50):
        with pytest.raises(StoreUnavailable) as raised:
            await ask()
        if "too busy" not in str(raised.value):
            break
    return str(raised.value)
