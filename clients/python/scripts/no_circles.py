"""Fail where modules, or the folders that they are in, import one another in a circle."""

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path


def imported(module: str, file: Path) -> set[str]:
    """What a module imports, wherever in it that is written."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            start = ".".join([*above, *([node.module] if node.module else [])])
            found |= {start} | {f"{start}.{name.name}" for name in node.names}
    return found


def room(module: str) -> str:
    """The folder of a package that a module is in, or the module where it is in none."""
    return ".".join(module.split(".")[:2])


def main(root: Path) -> int:
    """Look at all modules below `root`; answer the exit status."""
    dotted = {
        ".".join(file.relative_to(root).with_suffix("").parts): file for file in root.rglob("*.py")
    }
    files = {name.removesuffix(".__init__"): file for name, file in dotted.items()}
    modules = {name: (imported(name, file) & files.keys()) - {name} for name, file in files.items()}
    rooms: dict[str, set[str]] = {}
    for name, targets in modules.items():
        here = room(name)
        rooms.setdefault(here, set()).update({room(one) for one in targets} - {here})
    for graph in (modules, rooms):
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            print("a circle of imports:", " -> ".join(reversed(error.args[1])))
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
