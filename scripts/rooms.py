"""Check that no circle is left among the files of a crate, and that its rooms lean one way.

    rooms.py SRC [ROOM ...]

SRC is the folder of a crate's sources, or of one of its rooms. ROOMs are its modules in the order
in which they may lean on one another: each on those after it only. Tests do not count. A name that
a module passes on (`pub use`) counts as coming from the file that has it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

Module = tuple[str, ...]
"""A module's path in its crate, without the crate's name."""

TESTS = re.compile(r"#\[cfg\(test\)\]\s*(?:#\[path[^\]]*\]\s*)?mod \w+ *(?:\{.*|;)", re.DOTALL)
COMMENT = re.compile(r"//.*")
USE = re.compile(r"\b(pub(?:\([a-z ]+\))? +)?use +((?:crate|self|super|\w+)(?:::[^;]*)?);")
PATH = re.compile(r"\b(crate|super)((?:::\w+)+)")


def modules(src: Path) -> dict[Module, Path]:
    """The file of each module, tests left out."""
    found: dict[Module, Path] = {}
    for file in sorted(src.rglob("*.rs")):
        parts = list(file.relative_to(src).with_suffix("").parts)
        if parts[-1] in ("tests", "samples", "vectors"):
            continue
        if parts[-1] in ("mod", "lib"):
            parts.pop()
        found[tuple(parts)] = file
    return found


def place_in_crate(src: Path) -> Module:
    """The path of the module whose folder `src` is; empty for the crate's own folder."""
    for folder in (src, *src.parents):
        if any((folder / root).exists() for root in ("lib.rs", "main.rs")):
            return src.relative_to(folder).parts
    return ()


def leaves(tree: str) -> Iterator[tuple[list[str], str]]:
    """The paths that a use tree such as `a::{b, c::{d, e as f}}` names, each with its new name."""
    tree = tree.strip()
    head, brace, rest = tree.partition("{")
    if not brace:
        path, _, alias = tree.partition(" as ")
        parts = [part.strip() for part in path.split("::") if part.strip()]
        yield parts, alias.strip() or (parts[-1] if parts else "")
        return
    prefix = [part for part in head.strip().split("::") if part]
    depth, start, inner = 0, 0, rest.rstrip()[:-1]
    for place, letter in enumerate(inner + ","):
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            if inner[start:place].strip():
                for parts, name in leaves(inner[start:place]):
                    yield prefix + parts, name
            start = place + 1


class Crate:
    """The files of a crate, and which of them name one another."""

    def __init__(self, src: Path) -> None:
        self.place = place_in_crate(src)
        self.files = modules(src)
        self.texts = {
            module: COMMENT.sub("", TESTS.sub("", file.read_text()))
            for module, file in self.files.items()
        }
        self.passed_on = {module: dict(self._passed_on(module)) for module in self.files}

    def _passed_on(self, module: Module) -> Iterator[tuple[str, Module]]:
        for public, tree in USE.findall(self.texts[module]):
            if public:
                for parts, name in leaves(tree):
                    yield name, self._absolute(module, parts)

    def _absolute(self, module: Module, parts: list[str]) -> Module:
        here = list(module)
        rest = list(parts)
        if rest and rest[0] == "crate":
            within = len(self.place)
            is_elsewhere = tuple(rest[1:])[:within] != self.place
            return tuple(rest) if is_elsewhere else tuple(rest[1:])[within:]
        while rest and rest[0] in ("self", "super"):
            if rest.pop(0) == "super":
                here = here[:-1]
        return tuple(here + rest)

    def home(self, path: Module) -> Module | None:
        """The module whose file has what `path` names; nothing if it is another crate's."""
        for _ in range(10):
            for length in range(len(path), -1, -1):
                if path[:length] in self.files:
                    break
            else:
                return None
            module, rest = path[:length], path[length:]
            if not rest or rest[0] not in self.passed_on[module]:
                return module
            path = self.passed_on[module][rest[0]] + rest[1:]
        return None

    def named_by(self, module: Module) -> set[Module]:
        """The modules whose files that of `module` needs."""
        paths: list[Module] = []
        for public, tree in USE.findall(self.texts[module]):
            for parts, _ in leaves(tree):
                known = parts and (parts[0] in ("crate", "self", "super"))
                inside = parts and (*module, parts[0]) in self.files
                if (known or inside) and not public:
                    paths.append(self._absolute(module, parts))
        without_uses = USE.sub("", self.texts[module])
        for first, rest in PATH.findall(without_uses):
            paths.append(self._absolute(module, [first, *rest.strip(":").split("::")]))
        homes = {self.home(path) for path in paths}
        return {home for home in homes if home is not None and home != module and home != ()}


def circle(arrows: Mapping[Module, set[Module]]) -> list[Module]:
    """One circle among the modules; empty if there is none."""
    done: set[Module] = set()

    def walk(module: Module, trail: list[Module]) -> list[Module]:
        if module in trail:
            return [*trail[trail.index(module) :], module]
        if module in done:
            return []
        for other in sorted(arrows.get(module, ())):
            found = walk(other, [*trail, module])
            if found:
                return found
        done.add(module)
        return []

    for module in arrows:
        found = walk(module, [])
        if found:
            return found
    return []


def main() -> int:
    """Report a circle and every arrow that goes the wrong way."""
    src, rooms = Path(sys.argv[1]), sys.argv[2:]
    crate = Crate(src)
    arrows = {module: crate.named_by(module) for module in crate.files if module}
    faults = []
    found = circle(arrows)
    if found:
        faults.append("a circle: " + " -> ".join("::".join(module) for module in found))
    for module, others in arrows.items():
        for other in sorted(others):
            here, there = module[0], other[0]
            if rooms and here != there:
                for room in (here, there):
                    if room not in rooms:
                        faults.append(f"{room} is not in the list of rooms")
                if {here, there} <= set(rooms) and rooms.index(here) > rooms.index(there):
                    faults.append(f"{'::'.join(module)} leans on {'::'.join(other)}")
    for fault in dict.fromkeys(faults):
        print(f"{src}: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
