"""The fixtures: a real server with the module, limiters of both kinds, a proxy that fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from store.kinds import KINDS, LONG, Limiter
from store.proxy import FaultProxy
from support.server import Server

pytest_plugins = ["support.fixtures", "support.floor"]


@pytest.fixture(autouse=True)
def one_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is logged once a second is logged once in a test, however long that takes."""
    monkeypatch.setattr("redis_rl.log.EVERY_S", 3600.0)


@pytest.fixture
def url(server: Server) -> str:
    """Where the shared server is."""
    return f"redis://127.0.0.1:{server.port}"


@pytest.fixture
def proxy(server: Server) -> Iterator[FaultProxy]:
    """A proxy before the shared server."""
    with FaultProxy(server.port) as proxy:
        yield proxy


@pytest.fixture(params=KINDS)
async def limiter_of(request: pytest.FixtureRequest) -> AsyncIterator[Callable[..., Limiter]]:
    """Make limiters of one kind, and of the other in the next run; closed after the test."""
    made: list[Limiter] = []

    def make(redis: Any, **settings: Any) -> Limiter:
        made.append(KINDS[request.param](redis, **{**LONG, **settings}))
        return made[-1]

    yield make
    for limiter in made:
        await limiter.aclose()


@pytest.fixture
def limiter(limiter_of: Callable[..., Limiter], url: str) -> Limiter:
    """A limiter on the shared server."""
    return limiter_of(url)
