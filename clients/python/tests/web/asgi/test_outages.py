"""What clients of an app see while the store fails, and after."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import Depends, FastAPI

from redis_rl.fastapi import RateLimiter
from store.kinds import LONG
from store.moments import set_timeout, until
from store.outages import AT_ONCE_S
from store.proxy import FaultProxy
from support.server import Server
from web.apps.asking import asking

TIMEOUT_S = 0.2


@pytest.fixture
async def behind(proxy: FaultProxy) -> AsyncIterator[RateLimiter]:
    """A limiter behind the proxy, closed."""
    limiter = RateLimiter(proxy.url, **LONG)
    yield limiter
    await limiter.aclose()


def app_of(limiter: RateLimiter) -> FastAPI:
    app = FastAPI()
    limiter.install(app)
    for mode in ("closed", "open"):
        limit = limiter.limit("1000/minute", scope=mode, on_error=mode)
        app.get(f"/{mode}", dependencies=[Depends(limit)])(lambda: {"ok": True})
    return app


async def timed(client: httpx.AsyncClient, path: str) -> httpx.Response:
    loop = asyncio.get_running_loop()
    began = loop.time()
    response = await client.get(path)
    assert loop.time() - began < AT_ONCE_S
    return response


def unlimited(response: httpx.Response) -> bool:
    return response.json() == {"ok": True} and not [
        name for name in response.headers if "rate" in name or name == "retry-after"
    ]


def unavailable(response: httpx.Response) -> bool:
    return (
        response.status_code == 503
        and response.headers["retry-after"] == "1"
        and response.json()["detail"] == "Rate limiter unavailable"
        and "ratelimit" not in response.headers
    )


async def decided(client: httpx.AsyncClient, path: str) -> httpx.Response:
    """Ask until there are rate headers; a breaker may be open for a second."""
    deadline = asyncio.get_running_loop().time() + 30
    while "ratelimit" not in (response := await client.get(path)).headers:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.05)
    return response


async def test_a_server_that_hangs(behind: RateLimiter, proxy: FaultProxy) -> None:
    async with asking(app_of(behind)) as client:
        await decided(client, "/closed")
        proxy.freeze()
        set_timeout(behind, TIMEOUT_S)
        crowd = await asyncio.gather(*(timed(client, "/closed") for _ in range(30)))
        assert all(map(unavailable, crowd))
        crowd = await asyncio.gather(*(timed(client, "/open") for _ in range(30)))
        assert all(map(unlimited, crowd))
        assert behind.failed_open >= 30
        set_timeout(behind, 20)
        proxy.thaw()
        await decided(client, "/closed")


async def test_a_server_that_is_gone(behind: RateLimiter, proxy: FaultProxy) -> None:
    async with asking(app_of(behind)) as client:
        await decided(client, "/closed")
        proxy.refuse()
        for _ in range(7):
            assert unavailable(await timed(client, "/closed"))
            assert unlimited(await timed(client, "/open"))
        proxy.accept()
        await decided(client, "/open")


async def test_slow_replies_charge_once(
    behind: RateLimiter, proxy: FaultProxy, server: Server
) -> None:
    def left() -> int:
        with server.client() as redis:
            [*_, row] = redis.execute_command("RL.PEEK", b"rl:closed:ip:192.0.2.1")
        return int(row[4])

    async with asking(app_of(behind)) as client:
        await decided(client, "/closed")
        before = left()
        proxy.hold()
        set_timeout(behind, TIMEOUT_S)
        assert unavailable(await timed(client, "/closed"))
        await until(lambda: left() < before)
        set_timeout(behind, 20)
        proxy.pass_on()
        response = await client.get("/closed")
    assert f"r={before - 2};" in response.headers["ratelimit"]
    assert left() == before - 2


@pytest.mark.parametrize("path", ["/closed", "/open"])
async def test_a_key_of_another_type_is_a_503_in_every_mode(
    limiter: RateLimiter, server: Server, path: str
) -> None:
    with server.client() as redis:
        redis.set(f"rl:{path[1:]}:ip:192.0.2.1", "not a limiter")
    async with asking(app_of(limiter)) as client:
        assert unavailable(await client.get(path))


@pytest.mark.parametrize("path", ["/closed", "/open"])
async def test_a_client_that_has_no_address_is_refused(
    limiter: RateLimiter, server: Server, path: str
) -> None:
    async with asking(app_of(limiter), "testclient") as client:
        assert (await client.get(path)).status_code == 400
    with server.client() as redis:
        assert redis.keys("*") == []


async def test_nothing_of_redis_is_told(behind: RateLimiter, proxy: FaultProxy) -> None:
    proxy.refuse()
    async with asking(app_of(behind)) as client:
        response = await client.get("/closed")
    told = (response.text + str(response.headers)).lower()
    for word in ("redis", "127.0.0.1", str(proxy.port), "connection", "rl:"):
        assert word not in told
