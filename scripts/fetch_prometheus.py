"""Fetch Debian's prometheus, promtool and prometheus-redis-exporter into target/prometheus/.

Each becomes a launcher there, which starts it with the libc that it was built for. Nothing on the
machine is changed. Where they cannot be fetched it says why, and the tests that need them are
skipped.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import debian
from fetch_servers import write_launcher

FOLDER = Path(__file__).resolve().parent.parent / "target" / "prometheus"
PACKAGES = ["prometheus", "prometheus-redis-exporter"]
PROGRAMS = ["prometheus", "promtool", "prometheus-redis-exporter"]
SUITE = "bookworm"


def works(name: str) -> bool:
    """Whether its launcher is there and starts it."""
    try:
        done = subprocess.run(
            [FOLDER / name, "--version"], capture_output=True, timeout=20, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def fetch() -> None:
    """Unpack the packages with their libc, and write the launchers."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    packages, root = FOLDER / "packages", FOLDER / "root"
    packages.mkdir(parents=True)
    apt = debian.Apt(FOLDER / "apt", debian.machines_mirror(), [SUITE], newest=PACKAGES)
    apt.update()
    apt.download([*PACKAGES, *apt.with_libraries(["libc6"])], packages)
    for package in sorted(packages.glob("*.deb")):
        debian.run(["dpkg-deb", "-x", str(package), str(root)])
    shutil.rmtree(FOLDER / "apt")
    shutil.rmtree(packages)
    for name in PROGRAMS:
        write_launcher(FOLDER / name, debian.through_own_loader(root, root / "usr" / "bin" / name))


def main() -> int:
    """Fetch what does not work already."""
    if not all(map(works, PROGRAMS)):
        try:
            fetch()
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            shutil.rmtree(FOLDER, ignore_errors=True)
            print(f"Prometheus cannot be fetched: {error}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
