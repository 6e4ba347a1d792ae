"""Unsafe code is where it may be, and nowhere else."""

from __future__ import annotations

import re

from support.paths import ROOT

SRC = ROOT / "src"
MAY_BE_UNSAFE = {"state/callbacks.rs", "state/native_type.rs"}
"""Beside all of `server/`: what the server calls, and one marker."""
UNSAFE = re.compile(r"^(?!\s*//).*\bunsafe\b", re.M)


def test_unsafe_code_is_where_it_may_be() -> None:
    files = [file for file in SRC.rglob("*.rs") if file.name != "tests.rs"]
    found = {str(file.relative_to(SRC)) for file in files if UNSAFE.search(file.read_text())}
    assert "server/calls/key.rs" in found
    assert {file for file in found if not file.startswith("server/")} <= MAY_BE_UNSAFE


def test_the_decisions_have_none() -> None:
    assert "#![forbid(unsafe_code)]" in (ROOT / "core/src/lib.rs").read_text()
