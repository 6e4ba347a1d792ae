"""Libraries that are preloaded into servers, compiled from their sources here."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from support.paths import TARGET


def build(name: str) -> Path:
    """Compile the library of that name unless that was done since its source changed."""
    source = Path(__file__).with_name(f"{name}.c")
    library = TARGET / "tests" / f"{name}.so"
    if library.exists() and library.stat().st_mtime > source.stat().st_mtime:
        return library
    library.parent.mkdir(parents=True, exist_ok=True)
    fresh = library.with_suffix(f".{os.getpid()}.so")
    warnings = ["-Wall", "-Wextra", "-Werror"]
    subprocess.run(
        ["cc", "-O2", *warnings, "-shared", "-fPIC", "-o", str(fresh), str(source)], check=True
    )
    fresh.replace(library)
    return library
