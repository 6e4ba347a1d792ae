"""What the release workflow hands from job to job: its scripts run, on files of the right names."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

import dist
import version
from support.paths import ROOT

JOBS: Mapping[str, Any] = yaml.safe_load(
    (ROOT / ".github" / "workflows" / "release.yml").read_text()
)["jobs"]
NUMBER = version.told(version.SOURCE)
WHEELS = {
    f"redis_rl_server-{NUMBER}-py3-none-{libc}_{arch}.whl"
    for libc in ("manylinux_2_17", "musllinux_1_2")
    for arch in ("x86_64", "aarch64")
}
FOR_PYPI = {f"redis_rl-{NUMBER}-py3-none-any.whl", f"redis_rl-{NUMBER}.tar.gz"}
PACKAGES = {*FOR_PYPI, f"redis-rl-{NUMBER}.tgz", f"redis-rl-{NUMBER}.crate"}
MADE = {each.file for each in dist.MACHINES.values()}
WITH_THEM = {
    *("SHA256SUMS", "copyright", "Apache-2.0.txt"),
    *(f"redis-rl-{NUMBER}.cdx.json", f"redis-rl-tool-{NUMBER}.cdx.json"),
}


def script(job: str, word: str) -> str:
    """The one script of a job that has this word."""
    [found] = [step["run"] for step in JOBS[job]["steps"] if word in step.get("run", "")]
    assert isinstance(found, str)
    return found


def run(lines: str, folder: Path, **variables: str) -> None:
    """Run a script as the workflow does."""
    subprocess.run(
        ["bash", "-eo", "pipefail", "-c", lines],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", **variables},
        timeout=60,
        check=True,
    )


def write(folder: Path, names: set[str]) -> None:
    """Files of these names."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(name)


def kept(folder: Path) -> Iterator[Path]:
    """What the two machines keep of what they made."""
    for arch in ("x86_64", "aarch64"):
        target = folder / arch / "target"
        write(target / "dist", MADE | WITH_THEM)
        write(target / "wheels", {name for name in WHEELS if arch in name})
        run(script("modules", "target/kept"), folder / arch, ARCH=arch)
        yield from (target / "kept").iterdir()


def test_an_artifact_is_one_folder() -> None:
    """The action flattens what lies in one folder, and keeps the folders of several."""
    paths = [
        step["with"]["path"].strip()
        for job in JOBS.values()
        for step in job["steps"]
        if step.get("uses", "").startswith("actions/upload-artifact@")
    ]
    assert sorted(paths) == ["target/kept/*", "target/packages/*"]


def test_every_file_reaches_its_registry_and_the_page(tmp_path: Path) -> None:
    files = list(kept(tmp_path))
    for merged in ("packages", "files"):
        write(tmp_path / merged, PACKAGES)
        for file in files:
            (tmp_path / merged / file.name).write_bytes(file.read_bytes())

    run(script("pypi", "mv packages"), tmp_path)
    assert {file.name for file in (tmp_path / "dist").iterdir()} == WHEELS | FOR_PYPI

    run(script("github", "sha256sum"), tmp_path)
    everything = MADE | WITH_THEM | WHEELS | PACKAGES
    assert {file.name for file in (tmp_path / "files").iterdir()} == everything
    sums = (tmp_path / "files" / "SHA256SUMS").read_text()
    assert {line.split()[1] for line in sums.splitlines()} == everything - {"SHA256SUMS"}
