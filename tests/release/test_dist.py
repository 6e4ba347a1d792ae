"""The modules that `make dist` builds run where they say, and need and show no more than that."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import dist
import foreign_servers
import parts
import version
from support import binary, doc_examples, elf
from support.paths import ROOT
from support.pool import NewServer
from support.ports import free_port
from support.resp import RawConnection

ASKED = os.environ.get("RL_DIST", "").split()
"""The names of those that were built, as in scripts/dist.py."""
PROCESSORS = {"x86_64": "Advanced Micro Devices X86-64", "aarch64": "AArch64"}
OF_GLIBC = re.compile(r"(lib(c|m|dl|rt|pthread)\.so\.\d|ld-linux-[\w-]+\.so\.\d)")
DEADLINE_S = 120


pytestmark = [
    pytest.mark.skipif(not ASKED, reason="these are tested by 'make test-dist'"),
    pytest.mark.timeout(5 * DEADLINE_S),
]


@pytest.fixture(params=[name for name in ASKED if not name.endswith("-tool")])
def name(request: pytest.FixtureRequest) -> str:
    """The kind of machine that a file is for."""
    asked: str = request.param
    return asked


@pytest.fixture
def file(name: str) -> Path:
    """The file under test."""
    return dist.file_for(name)


# What is in a file


def test_it_is_for_that_processor(name: str, file: Path) -> None:
    assert elf.machine(file) == PROCESSORS[name.split("-")[0]]


def test_it_exports_its_entry_only(file: Path) -> None:
    assert elf.exported(file) == {"RedisModule_OnLoad"}


def test_it_needs_the_c_library_only(name: str, file: Path) -> None:
    needed = elf.needed(file)
    assert needed
    if name.endswith("-musl"):
        assert needed == {"libc.so"}
        assert elf.glibc_versions(file) == set()
    else:
        assert [each for each in needed if not OF_GLIBC.fullmatch(each)] == []
        assert (2, 2, 5) in elf.glibc_versions(file) or (2, 17) in elf.glibc_versions(file)
        assert max(elf.glibc_versions(file)) <= (2, 17)


def test_it_is_hardened(file: Path) -> None:
    segments = elf.segments(file)
    assert segments["GNU_STACK"] == "RW"
    assert segments["GNU_RELRO"] == "R"
    assert "BIND_NOW" in elf.dynamic(file)
    assert not re.search(r"TEXTREL|RPATH|RUNPATH", elf.dynamic(file))


def test_the_terms_name_what_zig_linked(name: str, file: Path) -> None:
    """Which can be seen: messages of the unwinder, and the sections of the C library's crti."""
    terms = (dist.DIST / "copyright").read_text()
    assert b"libunwind: " in file.read_bytes()
    assert "Files: llvm-libunwind\n" in terms
    assert ".init " in elf.sections(file)
    assert f"Files: {'musl' if name.endswith('-musl') else 'glibc'}\n" in terms


def test_it_tells_nothing_of_the_machine_that_built_it(file: Path) -> None:
    binary.assert_tells_nothing_of_this_machine(file)


def test_the_checksums_are_right() -> None:
    told = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=dist.DIST,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    others = {file.name for file in dist.DIST.iterdir()} - {"SHA256SUMS"}
    assert {line.removesuffix(": OK") for line in told.splitlines()} == others
    assert {dist.file_for(name).name for name in ASKED} <= others


@pytest.mark.parametrize(
    ("product", "package"), [("redis-rl", "redis-rl-module"), ("redis-rl-tool", "redis-rl-cli")]
)
def test_the_list_of_parts_names_what_is_linked(product: str, package: str) -> None:
    if set(ASKED) != set(dist.MACHINES):
        pytest.skip("the list of parts is made with all modules: 'make test-dist'")
    number = version.told(version.SOURCE)
    made = dist.DIST / f"{product}-{number}.cdx.json"
    told = json.loads(made.read_text())
    assert str(ROOT) not in made.read_text()
    assert told["bomFormat"] == "CycloneDX"
    assert told["metadata"]["component"]["version"] == number
    listed = {(part["name"], part["version"]) for part in told["components"]}
    names = {name for name, _ in listed}
    assert {"rust-std", *parts.OF_ZIG} <= names
    words = ["--package", package, "--prefix", "none", "--format", "{p}"]
    tree = subprocess.run(
        ["cargo", "tree", "--locked", "--edges", "normal,no-proc-macro", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = [line.split()[:2] for line in tree.splitlines() if line]
    linked = {(crate, number.removeprefix("v")) for crate, number in rows if crate != package}
    assert linked
    assert linked - listed == set()
    assert "proptest" not in names, "tests are not linked"


# Whether it runs


@pytest.mark.all_servers
def test_it_loads_on_this_machines_servers(name: str, file: Path, new_server: NewServer) -> None:
    if not foreign_servers.is_native(name) or name.endswith("-musl"):
        pytest.skip("this is for other servers: see test_it_loads_on_foreign_servers")
    server = new_server(module=file)
    with server.raw() as raw:
        use(raw)
        raw("FLUSHALL")
    for example in doc_examples.examples_in(ROOT / "README.md"):
        with server.raw() as raw:
            raw("FLUSHALL")
        shown = doc_examples.shown(doc_examples.run(example, server))
        assert without_times(shown) == without_times(doc_examples.shown(example.steps))


def test_it_loads_on_foreign_servers(name: str, file: Path, tmp_path: Path) -> None:
    if foreign_servers.is_native(name) and name.endswith("-gnu"):
        pytest.skip("this is for the servers of this machine")
    launcher = foreign_servers.FOREIGN / name / "server"
    assert launcher.exists(), "run 'make test-dist'"
    if name.endswith("-musl") and not foreign_servers.is_native(name):
        looks_up_every_symbol(launcher, file)
        return
    with started(launcher, file, tmp_path) as port:
        with RawConnection(port) as raw:
            use(raw)
        for example in doc_examples.examples_in(ROOT / "README.md"):
            # Its clock cannot be set.
            if any(step.later_ms for step in example.steps):
                continue
            with RawConnection(port) as raw:
                raw("FLUSHALL")
            [step] = example.steps
            words = ["redis-cli", "--no-raw", "-p", str(port)]
            lines = "\n".join(step.commands) + "\n"
            printed = subprocess.run(
                words, input=lines, capture_output=True, text=True, timeout=DEADLINE_S, check=True
            ).stdout
            really = doc_examples.lines_of(printed)
            assert without_times("\n".join(really)) == without_times("\n".join(step.printed))


def use(raw: RawConnection) -> None:
    """Have the module allocate what it can: limiters, logs, receipts, leases."""
    assert raw("RL.VERSION") == version.told(version.SOURCE).encode()
    for number in range(200):
        key = f"key:{number}"
        assert shape(raw("RL.LOG", key, 1000, 60)) == [1, 1000, 999, 0]
        clauses = ("TOKEN", 10, 100, 60, "FIXED", 100, 60)
        for charge in range(5):
            charged = ("RL.LIMIT", key, *clauses, "COST", 2, "ID", f"id:{charge}")
            assert raw(*charged, "KEEP", 60)[0] == 1  # type: ignore[index]
        assert raw("RL.SETTLE", key, "id:0", 1) == 1
        assert raw("RL.LEASE", key, 3, 60, "holder")[0] == 1  # type: ignore[index]
    assert raw("DBSIZE") == 200


def shape(reply: object) -> list[int]:
    """A verdict without its reset, which depends on the clock."""
    assert isinstance(reply, list)
    return reply[:4]


def without_times(printed: str) -> str:
    """What redis-cli printed, without the waits and resets, which depend on the clock."""
    return re.sub(r"(?m)([45]\) \(integer\) )\d+$", r"\1#", printed)


def looks_up_every_symbol(loader: Path, file: Path) -> None:
    """Have musl's loader do so: it ends with an error where it does not find one."""
    done = subprocess.run(
        [loader, file], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "libc" in done.stdout


@contextmanager
def started(launcher: Path, module: Path, folder: Path) -> Iterator[int]:
    """The port of a server that was started with the module, and ends with the block."""
    port = free_port()
    words = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [str(launcher), *words, "--loadmodule", str(module)], stdout=log, stderr=log
        )
    try:
        wait_for(port, process, folder / "log")
        yield port
    finally:
        process.terminate()
        process.wait(DEADLINE_S)


def wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with RawConnection(port) as raw:
                raw("PING")
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail(log.read_text())
