"""Which versions of the libraries were measured."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.http.builds import APPS
from bench.http.contenders import Contender, Language

Versions = Mapping[str, str]

_ASK = (
    "import json, sys; from importlib.metadata import version;"
    "print(json.dumps({name: version(name) for name in sys.argv[1:]}))"
)


def of(contender: Contender, python: Path) -> Versions:
    """Each of its libraries and the version that it runs with."""
    told: Mapping[Language, Callable[[Sequence[str]], Versions]] = {
        "python": lambda names: _of_python(names, python),
        "rust": _of_rust,
        "node": _of_node,
    }
    return told[contender.language](contender.libraries)


def _of_python(names: Sequence[str], python: Path) -> Versions:
    command = [str(python), "-c", _ASK, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told: dict[str, str] = json.loads(done.stdout)
    return told


def _of_rust(names: Sequence[str]) -> Versions:
    lock = tomllib.loads((APPS / "rust" / "Cargo.lock").read_text())
    locked = {package["name"]: package["version"] for package in lock["package"]}
    return {name: locked[name] for name in names}


def _of_node(names: Sequence[str]) -> Versions:
    lock = json.loads((APPS / "node" / "package-lock.json").read_text())
    return {name: lock["packages"][f"node_modules/{name}"]["version"] for name in names}
