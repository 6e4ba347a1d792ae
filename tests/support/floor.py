"""The fixtures of suites that run on one kind of server: the oldest that the module supports."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support import kinds
from support.kinds import Kind
from support.pool import Pool


@pytest.fixture(scope="session")
def kind() -> Kind:
    """The oldest server that the module runs on."""
    found = kinds.kind(kinds.FLOOR)
    if not found.available:
        pytest.skip(found.reason)
    return found


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """The servers that tests share."""
    pool = Pool(tmp_path_factory.mktemp("shared"))
    yield pool
    pool.close()
