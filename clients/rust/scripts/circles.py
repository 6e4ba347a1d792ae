"""Say which modules of the crate import each other in a circle; none may."""

import re
import sys
from pathlib import Path

SOURCES = Path(__file__).parent.parent / "src"
FILES = {
    tuple(
        p for p in path.relative_to(SOURCES).with_suffix("").parts if p not in ("mod", "lib")
    ): path
    for path in SOURCES.rglob("*.rs")
}
TESTS = re.compile(r"^#\[cfg\(test\)\]\nmod tests.*", re.M | re.S)
PATH = re.compile(r"\b(crate|super|self)(?=::)((?:::\w+)*)((?:::)?\{[^;]*?\}(?=;))?")


def module(path: tuple[str, ...]) -> tuple[str, ...]:
    """The module in which a path is: the longest beginning of it that is a file."""
    while path not in FILES:
        path = path[:-1]
    return path


def imports(name: tuple[str, ...], text: str) -> set[tuple[str, ...]]:
    """The modules that the text of one names."""
    code = TESTS.sub("", re.sub(r"//.*", "", text))
    found = set()
    for start, tail, group in PATH.findall(code):
        base = {"crate": (), "super": name[:-1], "self": name}[start]
        base += tuple(part for part in tail.split("::") if part)
        heads = re.findall(r"[{,]\s*(\w+)", re.sub(r"(?<=\w)::\{[^}]*\}", "", group)) or [None]
        found |= {module(base + ((head,) if head else ())) for head in heads}
    return found - {name}


GRAPH = {
    name: imports(name, path.read_text())
    for name, path in FILES.items()
    if name and name[0] != "vectors"
}
left = dict(GRAPH)
while ends := [name for name, used in left.items() if not used & left.keys()]:
    for name in ends:
        del left[name]
if left:
    circle = [next(iter(left))]
    while circle[-1] not in circle[:-1]:
        circle.append(next(iter(GRAPH[circle[-1]] & left.keys())))
    sys.exit("a circle among modules: " + " -> ".join("::".join(name) for name in circle))
print(f"{len(GRAPH)} modules, {sum(map(len, GRAPH.values()))} imports, no circle")
