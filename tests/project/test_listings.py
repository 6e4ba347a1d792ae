"""Tables that list the files of a folder list all of them, and paths that pages name are there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

from support.paths import ROOT

NOT_OURS = {"target", "node_modules", "dist", "__pycache__"}
"""Folders of what is built or fetched."""

MODULE = re.compile(r"\[?`([a-z]\w*)`\]?")
PATH = re.compile(r"`([\w.-]+(?:/[\w.*-]+)+/?|[\w*]+\.rs)`")
LISTS = {"file", "folder"}
"""A table on a page whose first column is called so lists what is in a folder."""


def tree(root: Path) -> Iterator[Path]:
    """All files and folders below a folder that are part of the project, hidden ones left out."""
    for at, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name[0] != "." and name not in NOT_OURS]
        yield from (Path(at, name) for name in (*folders, *files))


def rows(lines: Iterable[str]) -> Iterator[list[list[str]]]:
    """The tables among lines of Markdown, each a list of rows of cells; the header comes first."""
    table: list[list[str]] = []
    for line in (*lines, ""):
        if line.lstrip().startswith("|"):
            table.append([cell.strip() for cell in line.strip().strip("|").split("|")])
        elif table:
            yield table[:1] + table[2:]
            table = []


def documented(file: Path) -> list[str]:
    """The lines of a Rust file's own documentation."""
    lines = file.read_text().splitlines()
    return [line.removeprefix("//!").strip() for line in lines if line.startswith("//!")]


def listed_modules(file: Path) -> set[str]:
    """What a `mod.rs` or `lib.rs` lists: a column of module names, or a list that begins so."""
    lines = documented(file)
    names: set[str] = set()
    for _, *body in rows(lines):
        for column in zip(*body, strict=True):
            found = [MODULE.fullmatch(cell) for cell in column]
            names |= {match[1] for match in found if match and all(found)}
    items = (re.match(rf"[-*] {MODULE.pattern}", line) for line in lines)
    return names | {item[1] for item in items if item}


def modules(folder: Path) -> set[str]:
    """The modules that are in a folder: its files, and its folders with a `mod.rs`."""
    files = {file.stem for file in folder.glob("*.rs")} - {"mod", "lib", "main"}
    return files | {file.parent.name for file in folder.glob("*/mod.rs")}


def wrong_modules(file: Path) -> set[str]:
    """What a file lists and is not there, and the reverse; nothing if it lists nothing."""
    names = listed_modules(file)
    return names ^ modules(file.parent) if names else set()


RUST = sorted(file for file in tree(ROOT) if file.name in ("mod.rs", "lib.rs"))
ROOMS = [file for file in RUST if file.is_relative_to(ROOT / "src")]


@pytest.mark.parametrize("file", RUST, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_module_lists_the_files_of_its_folder(file: Path) -> None:
    assert wrong_modules(file) == set()


@pytest.mark.parametrize("file", ROOMS, ids=lambda file: str(file.relative_to(ROOT)))
def test_each_room_of_the_module_has_a_list(file: Path) -> None:
    assert listed_modules(file)


def listed_paths(page: Path) -> Iterator[list[Path]]:
    """For each table of files or folders on a page: the paths in its first column."""
    for header, *body in rows(page.read_text().splitlines()):
        if header[0] in LISTS:
            names = [re.findall(r"`([^`]+)`", row[0]) for row in body]
            yield [resolved(page, name) for found in names for name in found]


def resolved(page: Path, name: str) -> Path:
    """Where a path on a page leads: from the page's folder, or from the root of the tree."""
    first, *_ = name.split("/")
    return (page.parent if (page.parent / first).exists() else ROOT) / name


def missing(page: Path, paths: list[Path]) -> set[str]:
    """What is in the folders that a table is about and not in the table.

    It is about a folder if it lists two of what is in there. Of what is in a folder, a table that
    lists files has to have all, others the folders only.
    """
    about = {path.parent for path in paths if [one.parent for one in paths].count(path.parent) > 1}
    kept = {page, *paths, *(parent for path in paths for parent in path.parents)}
    lacking = set()
    for folder in about:
        with_files = any(path.is_file() for path in paths if path.parent == folder)
        for entry in folder.iterdir():
            if entry.name[0] == "." or entry.name in NOT_OURS or entry in kept:
                continue
            if entry.is_dir() or with_files:
                lacking.add(str(entry.relative_to(folder)))
    return lacking


PAGES = sorted(path for path in tree(ROOT) if path.suffix == ".md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_table_of_files_is_complete(page: Path) -> None:
    for paths in listed_paths(page):
        assert [path for path in paths if not path.exists()] == []
        assert missing(page, paths) == set()


def test_the_code_map_is_such_a_table() -> None:
    [rooms] = listed_paths(ROOT / "docs" / "architecture.md")
    assert {ROOT / "core/src", ROOT / "src/server", ROOT / "tests"} <= set(rooms)


def gone(page: Path, names: set[str]) -> list[str]:
    """The paths into the tree, or names of Rust files, that a page names and are not there."""
    folders = {path.name for path in (*page.parent.iterdir(), *ROOT.iterdir()) if path.is_dir()}
    lost = []
    for name in PATH.findall(page.read_text()):
        first, *rest = name.split("/")
        if not rest:
            found = any(fnmatch(other, name) for other in names)
        else:
            found = first in NOT_OURS or first not in folders or any(places(page, name))
        if not found:
            lost.append(name)
    return lost


def places(page: Path, name: str) -> Iterator[Path]:
    """What a path on a page, which may have `*` in it, leads to."""
    yield from page.parent.glob(name)
    yield from ROOT.glob(name)


def test_paths_that_pages_name_are_there() -> None:
    names = {path.name for path in tree(ROOT)}
    # The helpers' own pages name files of their users' projects as well.
    pages = [page for page in PAGES if page.parent.parent != ROOT / "clients"]
    assert {page: lost for page in pages if (lost := gone(page, names))} == {}


def test_what_a_list_lacks_or_has_too_much_is_told(tmp_path: Path) -> None:
    for name in ("mod.rs", "a.rs", "b/mod.rs", "c/tests.rs", "c.rs"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    room = tmp_path / "mod.rs"
    table = "//! | file | what |\n//! |---|---|\n//! | `a` | A |\n//! | [`b`] | `x` |\n"
    room.write_text(f"//! A room.\n//!\n{table}//! | `d` | D |\n\nmod a;\n")
    assert wrong_modules(room) == {"c", "d"}
    room.write_text(f"{table}//! | `c` | C |\n")
    assert wrong_modules(room) == set()
    room.write_text("//! - `a`: A\n//! - `c`: C\n")
    assert wrong_modules(room) == {"b"}
    room.write_text("//! | to learn | read |\n//! |---|---|\n//! | all | `a` and `c` |\n")
    assert listed_modules(room) == set()


def test_a_path_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("`src/lib.rs` `src/no.rs` `lib.rs` `no.rs` `text/html` `tests/*/test_*.py`")
    assert gone(page, {"lib.rs"}) == ["src/no.rs", "no.rs"]


def test_what_a_page_lacks_is_told(tmp_path: Path) -> None:
    for name in ("x/one.rs", "x/two.rs", "y/three.rs", "z/w/four.rs"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    page = tmp_path / "page.md"
    head = "| folder | what |\n|---|---|\n| `x/` | X |\n"
    page.write_text(f"{head}| `z/w/` | W |\n| `y/` | Y |\n\n| other | what |\n|---|---|\n| `q` | |")
    [paths] = listed_paths(page)
    assert missing(page, paths) == set()
    page.write_text(f"{head}| `z/` | Z |\n")
    [paths] = listed_paths(page)
    assert missing(page, paths) == {"y"}
    page.write_text(f"{head}| `x/one.rs` | 1 |\n| `y/` | Y |\n| `x/six.rs` | 6 |\n| `z/` | Z |\n")
    [paths] = listed_paths(page)
    assert missing(page, paths) == {"two.rs"}
