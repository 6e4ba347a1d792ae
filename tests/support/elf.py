"""What a shared library says of itself, as readelf shows it for any machine."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


def readelf(file: Path, *options: str) -> str:
    """What readelf prints."""
    command = ["readelf", "--wide", *options, str(file)]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env={"LC_ALL": "C", "PATH": "/usr/bin"}
    ).stdout


def machine(file: Path) -> str:
    """The processor that it is for."""
    found = re.search(r"Machine: +(.+)", readelf(file, "--file-header"))
    assert found
    return found[1].strip()


def needed(file: Path) -> set[str]:
    """The libraries that it needs."""
    return set(re.findall(r"\(NEEDED\).*\[(.+)\]", readelf(file, "--dynamic")))


def exported(file: Path) -> set[str]:
    """The symbols that others can use."""
    rows = [line.split() for line in readelf(file, "--dyn-syms").splitlines()]
    return {row[7] for row in rows if len(row) > 7 and row[4] != "LOCAL" and row[6].isdigit()}


def glibc_versions(file: Path) -> set[tuple[int, ...]]:
    """The versions of glibc whose symbols it needs."""
    found = re.findall(r"GLIBC_([\d.]+)", readelf(file, "--version-info"))
    return {tuple(map(int, version.split("."))) for version in found}


def segments(file: Path) -> dict[str, str]:
    """The flags of its segments, by type."""
    rows = re.findall(
        r"^  (\w+) +0x\w+ 0x\w+ 0x\w+ 0x\w+ 0x\w+ ([RWE ]{3})", readelf(file, "--segments"), re.M
    )
    return {kind: flags.replace(" ", "") for kind, flags in rows}


def sections(file: Path) -> str:
    """Its list of sections."""
    return readelf(file, "--section-headers")


def dynamic(file: Path) -> str:
    """Its dynamic section."""
    return readelf(file, "--dynamic")
