"""The fixtures: a real server with the module, limiters of both kinds, a proxy that fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from store.kinds import KINDS, Limiter
from store.proxy import FaultProxy
from support.clock import Clock
from support.kinds import Kind
from support.pool import NewServer, Pool
from support.server import Server

pytest_plugins = ["support.floor"]

SERVERS_OF = pytest.StashKey[list[Server]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of each server's log below a failed test."""
    report = yield
    if report.failed:
        for server in item.stash.get(SERVERS_OF, []):
            report.sections.append((f"log of port {server.port}", server.log_tail()))
    return report


@pytest.fixture
def server(request: pytest.FixtureRequest, pool: Pool, kind: Kind) -> Iterator[Server]:
    """A shared server with the module: empty, on a clock that stands until a test moves it."""
    server = pool.get(kind)
    request.node.stash.setdefault(SERVERS_OF, []).append(server)
    yield server
    server.check()


@pytest.fixture
def clock(server: Server) -> Clock:
    """The shared server's clock."""
    return server.clock


@pytest.fixture
def new_server(request: pytest.FixtureRequest, kind: Kind, tmp_path: Path) -> Iterator[NewServer]:
    """Start servers of the test's own."""
    factory = NewServer(kind, tmp_path, request.node.stash.setdefault(SERVERS_OF, []))
    yield factory
    factory.close()


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
        # Long enough for a busy machine; tests of deadlines set their own.
        made.append(KINDS[request.param](redis, **{"timeout": 5, **settings}))
        return made[-1]

    yield make
    for limiter in made:
        await limiter.aclose()


@pytest.fixture
def limiter(limiter_of: Callable[..., Limiter], url: str) -> Limiter:
    """A limiter on the shared server."""
    return limiter_of(url)
