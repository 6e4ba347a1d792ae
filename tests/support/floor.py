"""The kind of suites that run on one kind of server: the oldest that the module supports."""

from __future__ import annotations

import pytest

from support import kinds
from support.kinds import Kind


@pytest.fixture(scope="session")
def kind() -> Kind:
    """The oldest server that the module runs on."""
    found = kinds.kind(kinds.FLOOR)
    if not found.available:
        pytest.skip(found.reason)
    return found
