"""A pipeline's connection: replies in pieces, a server that does not read, TLS, and its end."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio

from redis_rl import RateLimiter, StoreUnavailable, WholeKey
from redis_rl.wire.link import Link
from redis_rl.wire.resp import Incomplete, Refusal, read
from store.kinds import LONG
from store.moments import set_timeout, until
from store.proxy import FaultProxy
from support.cluster import asked
from support.server import Server

HUGE = "x" * 30_000_000
"""A key that fills all buffers on the way to a server that does not read."""


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b":-12\r\n", -12),
        (b"+OK\r\n", b"OK"),
        (b"-ERR \xff no\r\n", "ERR \ufffd no"),
        (b"$-1\r\n", None),
        (b"$0\r\n\r\n", b""),
        (b"$4\r\n\r\n:1\r\n", b"\r\n:1"),
        (b"*-1\r\n", None),
        (b"*0\r\n", []),
        (b"*2\r\n:1\r\n*5\r\n:1\r\n:5\r\n:4\r\n:0\r\n:60000\r\n", [1, [1, 5, 4, 0, 60000]]),
        (b"*3\r\n$1\r\na\r\n-NO\r\n*1\r\n+b\r\n", [b"a", "NO", [b"b"]]),
    ],
)
def test_a_reply_is_read_once_it_is_whole(data: bytes, value: Any) -> None:
    assert read(b":7\r\n" + data + b":8\r\n", 4) == (value, 4 + len(data))
    assert isinstance(read(data, 0)[0], Refusal) == data.startswith(b"-")
    for end in range(len(data)):
        with pytest.raises(Incomplete):
            read(data[:end], 0)


@pytest.mark.parametrize("data", [b"HTTP/1.1 400\r\n", b"\r\n", b":x\r\n", b"*\r\n", b"$x\r\n"])
def test_what_is_no_reply_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"Redis|int"):
        read(data, 0)


async def test_replies_may_come_in_pieces(proxy: FaultProxy) -> None:
    async with RateLimiter(proxy.url, timeout=30, connect_timeout=30) as limiter:
        await limiter.check(WholeKey("warm"), "5/minute")
        proxy.piece = 3
        outcomes = await asyncio.gather(
            *(limiter.check(WholeKey(f"k{n}"), f"{n}/hour") for n in range(9))
        )
    assert [outcome.decisions[0].limit for outcome in outcomes] == list(range(9))


async def test_a_server_is_spoken_to_so_that_it_says_nothing_unasked(server: Server) -> None:
    client = redis.asyncio.Redis(port=server.port, protocol=3, client_name="spoken-to")
    async with RateLimiter(client, **LONG) as limiter:
        await limiter.check(WholeKey("key"), "5/minute")
        listed: bytes = asked(server, "CLIENT", "LIST")
        [ours] = [line for line in listed.splitlines() if b"name=spoken-to" in line]
        assert b"resp=2" in ours
        assert not getattr(link_of(limiter)._connection, "maint_notifications_config", None)
    await client.aclose()


async def test_what_waits_while_a_server_does_not_read_can_still_be_given_up(
    server: Server, proxy: FaultProxy
) -> None:
    async with RateLimiter(proxy.url, timeout=60, connect_timeout=60) as limiter:
        await limiter.check(WholeKey("warm"), "5/minute")
        proxy.freeze()
        first = asyncio.ensure_future(limiter.check(WholeKey(HUGE), "7/minute"))
        await asyncio.sleep(0.1)
        others = [
            asyncio.ensure_future(limiter.check(WholeKey(f"k{n}"), f"{n}/hour")) for n in (3, 4)
        ]
        await asyncio.sleep(0.1)
        others[0].cancel()
        proxy.thaw()
        outcomes = await asyncio.gather(first, others[1])
    assert [outcome.decisions[0].limit for outcome in outcomes] == [7, 4]
    assert asked(server, "EXISTS", "k3", "k4") == 1


async def test_what_was_not_sent_when_a_connection_is_left_is_never_charged(
    server: Server, proxy: FaultProxy
) -> None:
    async with RateLimiter(proxy.url, **LONG) as limiter:
        await limiter.check(WholeKey("warm"), "5/minute")
        before = clients(server)
        proxy.freeze()
        set_timeout(limiter, 0.3)
        with pytest.raises(StoreUnavailable):
            await limiter.check(WholeKey(HUGE), "5/minute")
        set_timeout(limiter, 20)
        proxy.thaw()
        await until(lambda: clients(server) < before)  # the server has read to the end
        await limiter.check(WholeKey("warm"), "5/minute")
    assert asked(server, "DBSIZE") == 1


def clients(server: Server) -> int:
    """How many are connected, this one included."""
    return len(bytes(asked(server, "CLIENT", "LIST", "TYPE", "normal")).splitlines())


async def test_closing_at_once_fails_what_waits(url: str) -> None:
    limiter = RateLimiter(url, **LONG)
    waiting = asyncio.ensure_future(limiter.check(WholeKey("key"), "5/minute"))
    await asyncio.gather(asyncio.sleep(0), limiter.aclose())
    with pytest.raises(StoreUnavailable, match="closed"):
        await asyncio.wait_for(waiting, 20)


async def test_a_server_that_closes_once_it_is_connected_is_noticed_at_once() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard = b""
        while not (b"LIB-VER" in heard and b"SELECT" in heard):
            chunk = await reader.read(65536)
            if not chunk:
                break
            heard += chunk
            writer.write(b"+OK\r\n" * chunk.count(b"*"))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with RateLimiter(f"redis://127.0.0.1:{port}/3", timeout=60) as limiter:
        with pytest.raises(StoreUnavailable, match=r"closed the connection|reset by peer"):
            await asyncio.wait_for(limiter.check(WholeKey("key"), "5/minute"), 20)
    server.close()


@pytest.mark.parametrize(
    "happen",
    [lambda link: link.connection_lost(None), lambda link: link.data_received(b":1\r\n")],
    ids=["lost", "a reply that nobody asked for"],
)
async def test_a_connection_that_broke_this_moment_is_asked_no_more(
    proxy: FaultProxy, happen: Callable[[Link], None]
) -> None:
    async with RateLimiter(proxy.url, **LONG) as limiter:
        await limiter.check(WholeKey("key"), "5/minute")
        happen(link_of(limiter))
        assert (await limiter.check(WholeKey("key"), "5/minute")).remaining == 3
        assert proxy.connections == 2


async def test_a_server_that_lets_a_connection_hang_is_left_before_the_deadline() -> None:
    # From Python 3.13 on a connection ends with what holds it.
    held: list[object] = []
    server = await asyncio.start_server(lambda *ends: held.append(ends), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with RateLimiter(f"redis://127.0.0.1:{port}", timeout=60) as limiter:
        with pytest.raises(StoreUnavailable):
            await asyncio.wait_for(limiter.check(WholeKey("key"), "5/minute"), 30)
    server.close()


def link_of(limiter: RateLimiter) -> Link:
    """Answer a limiter's only connection."""
    backend: Any
    [backend] = limiter._backends.values()
    link: Link = backend._pipeline._link
    return link


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
async def test_tls_will_do(server: Server, tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate", tmp_path / "key"
    words = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    )
    command = ["openssl", *words.split(), "-keyout", str(key), "-out", str(certificate)]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    encrypted = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    encrypted.load_cert_chain(certificate, key)
    with FaultProxy(server.port, encrypted) as proxy:
        url = f"rediss://127.0.0.1:{proxy.port}?ssl_cert_reqs=none"
        async with RateLimiter(url, timeout=30, connect_timeout=30) as limiter:
            outcomes = await asyncio.gather(
                *(limiter.check(WholeKey("k"), "9/hour") for _ in range(10))
            )
            assert sum(outcome.allowed for outcome in outcomes) == 9
            proxy.kill()
            with suppress(StoreUnavailable):
                await limiter.peek(WholeKey("k"), "9/hour")  # which may meet the old connection
            assert not (await limiter.check(WholeKey("k"), "9/hour")).allowed
            assert proxy.connections == 2
