"""Where things are in the tree."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = ROOT / "target"
SERVERS = TARGET / "servers"
MODULE = Path(os.environ.get("RL_MODULE", TARGET / "release" / "libredis_rl.so"))
"""The module under test; RL_MODULE names another build of it."""
