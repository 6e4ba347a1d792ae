"""What the registries are given: complete, of one version, and true in every field."""

from __future__ import annotations

import email
import json
import re
import subprocess
import tarfile
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

import version
from support.paths import ROOT

# What stands in a field until somebody fills it.
PLACEHOLDER = re.compile(r"example\.(?:com|org)|OWNER|TODO|your-|<[a-z -]+>", re.IGNORECASE)


def made() -> Mapping[str, Path]:
    """The files by their kind, as `make packages` makes them."""
    subprocess.run(
        ["make", "--silent", "packages"], cwd=ROOT, capture_output=True, timeout=900, check=True
    )
    files = list((ROOT / "target" / "packages").iterdir())
    by_end = {file.name.split(version.told(version.SOURCE), 1)[-1]: file for file in files}
    assert sorted(by_end) == ["-py3-none-any.whl", ".crate", ".tar.gz", ".tgz"], files
    return by_end


def of_tar(file: Path) -> Mapping[str, bytes]:
    """What a tar file holds, by names without its one top folder."""
    with tarfile.open(file) as archive:
        members = [one for one in archive.getmembers() if one.isfile()]
        return {
            one.name.split("/", 1)[1]: read.read()
            for one in members
            if (read := archive.extractfile(one)) is not None
        }


def check_wheel(file: Path) -> None:
    with zipfile.ZipFile(file) as wheel:
        names = wheel.namelist()
        [about] = [name for name in names if name.endswith("/METADATA")]
        told = email.message_from_bytes(wheel.read(about))
    assert (told["Name"], told["Version"]) == ("redis-rl", version.told(version.SOURCE))
    assert told["License-Expression"] == "MIT"
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert "redis_rl/py.typed" in names
    assert not any("test" in name and not name.endswith("testing.py") for name in names), names
    assert str(told.get_payload()).startswith("# ")
    assert not PLACEHOLDER.search(str([value for name, value in told.items()]))


def check_source_distribution(file: Path) -> None:
    files = of_tar(file)
    assert {"pyproject.toml", "README.md", "LICENSE", "src/redis_rl/py.typed"} <= set(files)


def check_npm_package(file: Path) -> None:
    files = of_tar(file)
    told = json.loads(files["package.json"])
    assert (told["name"], told["version"]) == ("redis-rl", version.told(version.SOURCE))
    assert {"README.md", "LICENSE", "dist/esm/index.js", "dist/cjs/index.d.ts"} <= set(files)
    assert not any(name.startswith(("test/", "src/", "node_modules/")) for name in files)
    named = {name: told.get(name) for name in ("repository", "homepage", "bugs", "author")}
    assert not PLACEHOLDER.search(json.dumps(named))


def check_crate(file: Path) -> None:
    files = of_tar(file)
    told = tomllib.loads(files["Cargo.toml"].decode())["package"]
    assert (told["name"], told["version"]) == ("redis-rl", version.told(version.SOURCE))
    assert told["license"] == "MIT"
    assert len(told["keywords"]) <= 5
    assert {"README.md", "LICENSE", "src/lib.rs"} <= set(files)
    assert not any(name.startswith("tests/") for name in files)
    assert not PLACEHOLDER.search(json.dumps(told))


@pytest.mark.timeout(1000)
def test_what_the_registries_are_given() -> None:
    """One test, since making them takes longer than all else."""
    files = made()
    check_wheel(files["-py3-none-any.whl"])
    check_source_distribution(files[".tar.gz"])
    check_npm_package(files[".tgz"])
    check_crate(files[".crate"])


def test_the_changelog_has_a_section_for_the_release_page() -> None:
    release = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    [script] = re.findall(r"(awk -v begin.*?) > notes\.md", release, re.DOTALL)
    told = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env={"GITHUB_REF_NAME": f"v{version.told(version.SOURCE)}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert "### Added" in told
    assert "## [" not in told
