"""Which versions of the libraries were measured."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bench.http.contenders import Contender

_ASK = (
    "import json, sys; from importlib.metadata import version;"
    "print(json.dumps({name: version(name) for name in sys.argv[1:]}))"
)


def of(contender: Contender, python: Path) -> Mapping[str, str]:
    """Each of its libraries and the version that it runs with."""
    command = [str(python), "-c", _ASK, *contender.libraries]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told: dict[str, str] = json.loads(done.stdout)
    return told
