"""The fixtures: a server whose clock stands still, and each app on it in turn."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from conformance.tools.apps import HELPERS, App, Helper
from conformance.tools.monitor import Monitor
from store.proxy import FaultProxy
from support.kinds import Kind
from support.pool import Pool
from support.server import Server

pytest_plugins = ["support.fixtures", "support.floor"]

APPS_OF = pytest.StashKey[list[App]]()
# Where outages are not the matter, a busy machine is none.
PATIENCE_MS = "20000"
TRUSTED = "127.0.0.1, 10.0.0.0/8,fd00::/8"

StartApp = Callable[..., App]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the apps of a failed test logged."""
    report = yield
    if report.failed:
        for app in item.stash.get(APPS_OF, []):
            report.sections.append((f"log of the app on port {app.port}", app.log()[-4000:]))
    return report


@pytest.fixture(scope="session", params=HELPERS)
def helper(request: pytest.FixtureRequest) -> Helper:
    """Each helper in turn."""
    return HELPERS[request.param]


@pytest.fixture(scope="session")
def shared_app(
    helper: Helper, pool: Pool, kind: Kind, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[App]:
    """The app with its defaults, for as long as its helper's tests last."""
    folder = tmp_path_factory.mktemp(helper.name)
    settings = {"REDIS_URL": url(pool.get(kind)), "RL_TIMEOUT_MS": PATIENCE_MS}
    with App(helper, folder, **settings) as app:
        yield app


@pytest.fixture(scope="session")
def shared_proxied(
    helper: Helper, pool: Pool, kind: Kind, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[App]:
    """The app behind proxies that it trusts."""
    folder = tmp_path_factory.mktemp(helper.name)
    where = url(pool.get(kind))
    settings = {"REDIS_URL": where, "RL_TIMEOUT_MS": PATIENCE_MS, "TRUSTED_PROXIES": TRUSTED}
    with App(helper, folder, **settings) as app:
        yield app


def _alive(request: pytest.FixtureRequest, app: App) -> Iterator[App]:
    request.node.stash.setdefault(APPS_OF, []).append(app)
    yield app
    assert app.running, "the app ended"


@pytest.fixture
def app(request: pytest.FixtureRequest, server: Server, shared_app: App) -> Iterator[App]:
    """The app with its defaults, on an empty server."""
    assert server.running
    yield from _alive(request, shared_app)


@pytest.fixture
def proxied(request: pytest.FixtureRequest, server: Server, shared_proxied: App) -> Iterator[App]:
    """The app that trusts 127.0.0.1, 10.0.0.0/8 and fd00::/8, on an empty server."""
    assert server.running
    yield from _alive(request, shared_proxied)


@pytest.fixture
def monitor(server: Server) -> Iterator[Monitor]:
    """What reaches the shared server from now on."""
    with Monitor(server) as monitor:
        yield monitor


@pytest.fixture
def new_app(request: pytest.FixtureRequest, helper: Helper, tmp_path: Path) -> StartApp:
    """Make apps of the test's own, to be started by it; their checks are patient, unless told."""

    def make(**settings: str) -> App:
        app = App(helper, tmp_path, **{"RL_TIMEOUT_MS": PATIENCE_MS, **settings})
        request.node.stash.setdefault(APPS_OF, []).append(app)
        return app

    return make


@pytest.fixture
def fault_proxy(server: Server) -> Iterator[FaultProxy]:
    """A proxy before the shared server, to be failed."""
    with FaultProxy(server.port) as proxy:
        yield proxy


def url(server: Server) -> str:
    """Where an app finds the server."""
    return f"redis://127.0.0.1:{server.port}"
