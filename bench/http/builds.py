"""What the apps need before they can start: their libraries, and our helpers as they are now."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from bench.http.contenders import Language
from bench.progress import say
from support.paths import ROOT, TARGET

APPS = ROOT / "bench" / "http"
BUILT = TARGET / "bench-http"


def build(languages: Iterable[Language]) -> None:
    """Bring the apps of these languages up to date, in target/."""
    for language in languages:
        say(f"building the apps of {language}")
        _BUILDS[language]()


def _python() -> None:
    """Nothing: the interpreter is given, and the helper is read from its sources."""


def _rust() -> None:
    locked = ["--locked"] if os.environ.get("CI") else []
    _run(
        ["cargo", "build", "--quiet", "--release", *locked],
        APPS / "rust",
        CARGO_TARGET_DIR=str(BUILT / "rust"),
    )


def _node() -> None:
    """A copy, so that libraries are not installed among the sources."""
    helper, built = ROOT / "clients" / "node", BUILT / "node"
    if not (helper / "node_modules").exists():
        _run(["npm", "ci", "--silent"], helper)
    _run(["npm", "run", "--silent", "build"], helper)
    lock = (APPS / "node" / "package-lock.json").read_bytes()
    installed = built / "installed.json"
    shutil.copytree(APPS / "node", built, dirs_exist_ok=True)
    if not installed.exists() or installed.read_bytes() != lock:
        _run(["npm", "ci", "--silent"], built)
        installed.write_bytes(lock)
    link = built / "node_modules" / "redis-rl"
    if not link.is_symlink():
        link.symlink_to(helper)


_BUILDS: Mapping[Language, Callable[[], None]] = {"python": _python, "rust": _rust, "node": _node}


def _run(command: list[str], folder: Path, **environment: str) -> None:
    if shutil.which(command[0]) is None:
        raise SystemExit(f"{command[0]} is missing: it is needed for the apps, or use --only")
    subprocess.run(command, cwd=folder, env={**os.environ, **environment}, check=True)
