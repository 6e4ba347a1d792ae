"""The project's version: it stands in Cargo.toml, and every other place follows it.

scripts/version.py            print it, or fail where a place says something else
scripts/version.py 0.2.0      write another one into all places
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What all four registries read alike: PyPI knows no pre-release in the spelling of the others.
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


@dataclass(frozen=True)
class Place:
    """A file, and what precedes and follows the version in it. The first match counts."""

    file: str
    before: str
    after: str = '"'

    def pattern(self) -> re.Pattern[str]:
        """Finds it, the version as group 2."""
        return re.compile(f"({self.before})([^\\s\"']+?)({self.after})", re.MULTILINE | re.DOTALL)


SOURCE = Place("Cargo.toml", r'^\[workspace\.package\]\nversion = "')
"""Where it is decided. Members of the workspace inherit it."""

PLACES = (
    SOURCE,
    Place("Cargo.lock", r'^name = "redis-rl-module"\nversion = "'),
    Place("Cargo.lock", r'^name = "redis-rl"\nversion = "'),
    Place("Cargo.lock", r'^name = "redis-rl-cli"\nversion = "'),
    Place("Cargo.lock", r'^name = "rl-core"\nversion = "'),
    Place("clients/rust/Cargo.toml", r'^\[package\]\n[^\[]*?^version = "'),
    Place("clients/rust/Cargo.lock", r'^name = "redis-rl"\nversion = "'),
    Place("clients/python/pyproject.toml", r'\A.*?^version = "'),
    Place("packaging/kubernetes/redis-rl.yaml", r"image: redis-rl:", r"$"),
    Place("packaging/python/pyproject.toml", r'\A.*?^version = "'),
    Place("clients/python/README.md", r"dist/redis_rl-", r"-py3-none-any\.whl"),
    Place("clients/node/package.json", r'\A\{.*?^  "version": "'),
    Place("clients/node/package-lock.json", r'\A\{.*?^  "version": "'),
    Place(
        "clients/node/package-lock.json",
        r'^    "": \{\n      "name": "redis-rl",\n      "version": "',
    ),
    Place("clients/node/README.md", r"clients/node/redis-rl-", r"\.tgz"),
)


def told(place: Place) -> str:
    """The version that a place tells."""
    found = place.pattern().search((ROOT / place.file).read_text())
    if not found:
        raise SystemExit(f"{place.file} has no version behind {place.before!r}")
    return found[2]


def differing() -> Iterator[str]:
    """A line for each place that does not tell what Cargo.toml does."""
    version = told(SOURCE)
    for place in PLACES:
        if told(place) != version:
            yield f"{place.file} must say {version}, as Cargo.toml does, not {told(place)}"


def write(version: str) -> None:
    """Write a version into all places."""
    if not VERSION.fullmatch(version):
        raise SystemExit(f"the version must be three numbers, as in 1.2.3, not '{version}'")
    for place in PLACES:
        file = ROOT / place.file
        file.write_text(place.pattern().sub(rf"\g<1>{version}\g<3>", file.read_text(), count=1))


def main(words: list[str]) -> None:
    """Do what the words say."""
    if len(words) > 1:
        raise SystemExit(__doc__)
    if words:
        write(words[0])
    lines = list(differing())
    if lines:
        raise SystemExit("\n".join(lines))
    print(told(SOURCE))


if __name__ == "__main__":
    main(sys.argv[1:])
