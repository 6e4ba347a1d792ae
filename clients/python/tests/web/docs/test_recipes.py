"""The README's recipes: ten, of five lines each, and each does what it says."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from store.kinds import patient
from support.cluster import asked
from support.server import Server
from web.apps.asking import asking

README = (Path(__file__).resolve().parents[3] / "README.md").read_text()
SECTION = README.partition("\n## Recipes\n")[2].partition("\n## ")[0]
BEGINNING, *RECIPES = re.findall(r"^```python\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
URL = "redis://localhost:6379"


def test_there_are_ten_of_about_five_lines() -> None:
    assert len(RECIPES) == 10
    for recipe in RECIPES:
        assert len([line for line in recipe.splitlines() if line.strip()]) <= 5


@pytest.fixture
async def names(url: str) -> AsyncIterator[dict[str, Any]]:
    """What the recipes have defined, all together."""
    names: dict[str, Any] = {"__name__": "recipes"}
    for block in (BEGINNING, *RECIPES):
        exec(block.replace(f'"{URL}"', patient(url)), names)
    yield names
    for limiter in (names["limiter"], names["behind"]):
        await limiter.aclose()


@pytest.fixture
async def client(names: dict[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the recipes' app."""
    async with asking(names["app"]) as client:
        yield client


async def statuses(
    client: httpx.AsyncClient, count: int, method: str, path: str, **headers: str
) -> list[int]:
    return [(await client.request(method, path, headers=headers)).status_code for _ in range(count)]


async def test_failed_logins(client: httpx.AsyncClient) -> None:
    assert await statuses(client, 9, "POST", "/login?password=right") == [200] * 9
    assert await statuses(client, 6, "POST", "/login?password=x") == [401] * 5 + [429]


async def test_requests_and_tokens(client: httpx.AsyncClient, server: Server) -> None:
    answer = await client.post("/complete")
    assert answer.headers["ratelimit"] == '"requests";r=59;t=60, "tokens";r=98766;t=60'
    assert asked(server, "RL.PEEK", "rl:tokens:user:ann")[0][4] == 98766


async def test_a_tenant_and_its_users(client: httpx.AsyncClient, server: Server) -> None:
    assert await statuses(client, 101, "GET", "/orders") == [200] * 100 + [429]
    bob = await statuses(client, 51, "GET", "/orders", **{"x-user": "bob"})
    assert bob == [200] * 50 + [429]
    assert asked(server, "EXISTS", "rl{acme}:tenant:user:acme", "rl{acme}:user:user:bob") == 2


async def test_uploads(client: httpx.AsyncClient, server: Server) -> None:
    for number in range(3):
        asked(server, "RL.LEASE", "rl:files:user:ann", 3, "1m", f"other-{number}")
    assert await statuses(client, 1, "POST", "/files") == [429]
    asked(server, "RL.RELEASE", "rl:files:user:ann", "other-1")
    assert await statuses(client, 1, "POST", "/files") == [200]


async def test_a_webhook_worker(names: dict[str, Any], server: Server) -> None:
    began = asyncio.get_running_loop().time()
    assert all(await asyncio.gather(*(names["deliver"]("acme") for _ in range(6))))
    assert asyncio.get_running_loop().time() - began > 0.9
    assert asked(server, "EXISTS", "rl:webhooks:user:acme") == 1


async def test_a_trial(client: httpx.AsyncClient, server: Server) -> None:
    assert set(await statuses(client, 101, "GET", "/search")) == {200}
    assert asked(server, "RL.TOP", "SHADOW")[0][1] == 1


async def test_a_ban(client: httpx.AsyncClient) -> None:
    codes = await statuses(client, 121, "GET", "/prices")
    assert codes == [200] * 100 + [429] * 21
    assert (await client.get("/prices")).headers["retry-after"] == "900"


async def test_tiers(client: httpx.AsyncClient, server: Server) -> None:
    asked(server, "RL.POLICY", "SET", "free", "FIXED", 1, "1m")
    asked(server, "RL.POLICY", "SET", "paid", "FIXED", 3, "1m")
    try:
        assert await statuses(client, 2, "GET", "/tiers") == [200, 429]
        paid = await statuses(client, 3, "GET", "/tiers", **{"x-tier": "paid", "x-user": "bob"})
        assert paid == [200, 200, 200]
    finally:
        asked(server, "RL.POLICY", "DEL", "free", "paid")


async def test_behind_a_proxy(names: dict[str, Any], server: Server) -> None:
    forwarded = {"X-Forwarded-For": "6.6.6.6, 192.0.2.7"}
    for address in ("10.1.2.3", None):
        async with asking(names["app"], address) as client:
            assert (await client.get("/behind", headers=forwarded)).status_code == 200
    assert asked(server, "RL.PEEK", "rl:behind:ip:192.0.2.7")[0][4] == 98


def test_testing() -> None:
    names: dict[str, Any] = {"__name__": "recipes"}
    for block in (BEGINNING, *RECIPES):
        exec(block.replace(URL, "redis://127.0.0.1:1"), names)
    with TestClient(names["app"], client=("192.0.2.1", 50_000)) as client:
        assert names["refused_for_12_s"](client)
