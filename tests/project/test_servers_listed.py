"""The lists of servers agree: what is fetched, tested, run by CI and told to readers."""

from __future__ import annotations

import re

from fetch_servers import MORE_SOURCES, REQUIRED, SOURCES
from support.kinds import FLOOR, MORE_NAMES, NAMES
from support.paths import ROOT

ROW = re.compile(r"^\| `((?:redis|valkey)-[^`]+)` \|", re.M)


def test_the_tests_know_every_server_that_is_fetched() -> None:
    assert (tuple(SOURCES), tuple(MORE_SOURCES)) == (NAMES, MORE_NAMES)
    assert REQUIRED == FLOOR


def test_ci_runs_on_every_server() -> None:
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    [matrix] = re.findall(r"^ +server: \[(.+)\]$", text, re.M)
    assert tuple(matrix.split(", ")) == NAMES + MORE_NAMES


def test_the_pages_name_every_server_and_its_version() -> None:
    assert tuple(ROW.findall((ROOT / "CONTRIBUTING.md").read_text())) == NAMES + MORE_NAMES
    [tested] = re.findall(r"^Tested on (.+?)\. ", (ROOT / "README.md").read_text(), re.M)
    for name, source in SOURCES.items():
        release = source.version.removesuffix(".")
        assert re.search(rf"\b{re.escape(release)}\b", tested), f"{name}: {tested}"
