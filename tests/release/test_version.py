"""One version: Cargo.toml's, and every place that must tell the same."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import version
from support.paths import ROOT

# They tell since when a command is there, or what was measured, not what the version is now.
PAST = ("CHANGELOG.md", "bench/", "docs/commands/", "src/commands/registration/table.rs", "tests/")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The places, and the script, in a folder of its own."""
    for file in ("scripts/version.py", *{place.file for place in version.PLACES}):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def run(copy: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, copy / "scripts" / "version.py", *words],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_all_places_agree() -> None:
    assert list(version.differing()) == []


def test_no_other_file_tells_it() -> None:
    told = version.told(version.SOURCE)
    asked = ["git", "grep", "--files-with-matches", "--fixed-strings", "--word-regexp", told]
    found = subprocess.check_output(asked, cwd=ROOT, text=True, timeout=100).split()
    known = {place.file for place in version.PLACES}
    locks = {file for file in found if file.endswith(("Cargo.lock", "-lock.json"))}
    assert [file for file in set(found) - known - locks if not file.startswith(PAST)] == []


def test_another_is_written_everywhere(copy: Path) -> None:
    done = run(copy, "98.76.54")
    assert (done.returncode, done.stdout) == (0, "98.76.54\n")
    for place in version.PLACES:
        assert "98.76.54" in (copy / place.file).read_text()
    cargo = ["cargo", "metadata", "--no-deps", "--format-version=1", "--offline"]
    shutil.copytree(ROOT / "core", copy / "core")
    (copy / "cli" / "src").mkdir(parents=True)
    (copy / "src").mkdir()
    for name in ("src/lib.rs", "cli/src/main.rs"):
        (copy / name).touch()
    shutil.copy(ROOT / "cli" / "Cargo.toml", copy / "cli")
    seen = subprocess.run(cargo, cwd=copy, capture_output=True, text=True, timeout=100, check=True)
    assert seen.stdout.count('"version":"98.76.54"') == 3


@pytest.mark.parametrize("place", version.PLACES[1:], ids=lambda place: place.file)
def test_a_place_that_differs_is_named(copy: Path, place: version.Place) -> None:
    file = copy / place.file
    file.write_text(place.pattern().sub(r"\g<1>7.7.7\g<3>", file.read_text(), count=1))
    done = run(copy)
    told = version.told(version.SOURCE)
    assert done.returncode == 1
    assert done.stderr == f"{place.file} must say {told}, as Cargo.toml does, not 7.7.7\n"


@pytest.mark.parametrize("wrong", ["1.2", "1.2.3-rc1", "01.2.3", "v1.2.3", ""])
def test_what_is_no_version_changes_nothing(copy: Path, wrong: str) -> None:
    done = run(copy, wrong)
    assert done.returncode == 1
    assert done.stderr == f"the version must be three numbers, as in 1.2.3, not '{wrong}'\n"
    assert run(copy).stdout == f"{version.told(version.SOURCE)}\n"
