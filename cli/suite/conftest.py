"""The fixtures: servers whose clock is set, on the oldest Redis."""

from __future__ import annotations

pytest_plugins = ["support.fixtures", "support.floor"]
