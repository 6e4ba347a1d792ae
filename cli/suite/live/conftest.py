"""What only these tests need: a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.cluster import Cluster
from support.pool import NewServer


@pytest.fixture
def cluster(new_server: NewServer, tmp_path: Path) -> Cluster:
    """Three primaries and their replicas, with the module."""
    return Cluster(new_server, tmp_path)
