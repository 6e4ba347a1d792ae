"""Build the module and the tool for other machines into target/dist/.

    dist.py            for all of them, and lists of their parts
    dist.py NAME...    only x86_64-gnu, aarch64-gnu, x86_64-musl, aarch64-musl: the module;
                       x86_64-tool, aarch64-tool: the program redis-rl

Checksums and licenses go with them. zig links, since it brings each machine's C library: glibc as
of 2.17, so that a file runs on any system since 2014, and musl. The tool has all of musl that it
needs within it, and runs on any Linux. rustup brings Rust's standard library for each.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import parts

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "target"
DIST = TARGET / "dist"
LINKER = TARGET / "dist-linker"
PINNED = ROOT / "packaging" / "dist" / "requirements.txt"
OLDEST_GLIBC = "2.17"


@dataclass(frozen=True)
class Machine:
    """A kind of machine, as the compiler and as the linker know it."""

    target: str
    linked_for: str
    file: str
    """What it is called among those of all machines."""
    flags: str = ""
    package: str = "redis-rl-module"
    built: str = "libredis_rl.so"
    """What the compiler calls it."""
    profile: Mapping[str, str] = field(default_factory=dict)
    """What differs from the release profile."""


def on_glibc(processor: str) -> Machine:
    """A Linux with glibc."""
    target = f"{processor}-unknown-linux-gnu"
    return Machine(target, f"{target}.{OLDEST_GLIBC}", f"libredis_rl-{processor}-gnu.so")


def on_musl(processor: str) -> Machine:
    """A Linux with musl; a library that a server loads must share the server's."""
    target = f"{processor}-unknown-linux-musl"
    shared = "-C target-feature=-crt-static"
    return Machine(target, target, f"libredis_rl-{processor}-musl.so", shared)


def tool(processor: str) -> Machine:
    """The program, for any Linux; as `make cli` has it, since optimizing more wins nothing."""
    target = f"{processor}-unknown-linux-musl"
    return Machine(
        target,
        target,
        f"redis-rl-{processor}",
        package="redis-rl-cli",
        built="redis-rl",
        profile={"LTO": "off", "CODEGEN_UNITS": "16"},
    )


MACHINES: Mapping[str, Machine] = {
    "x86_64-gnu": on_glibc("x86_64"),
    "aarch64-gnu": on_glibc("aarch64"),
    "x86_64-musl": on_musl("x86_64"),
    "aarch64-musl": on_musl("aarch64"),
    "x86_64-tool": tool("x86_64"),
    "aarch64-tool": tool("aarch64"),
}


def file_for(name: str) -> Path:
    """Where what is built for a kind of machine is put."""
    return DIST / MACHINES[name].file


def say(line: str) -> None:
    """Tell what is done."""
    print(line, file=sys.stderr, flush=True)


# What is needed


def linker() -> Path:
    """The folder with cargo-zigbuild and zig, made if it is not there yet."""
    done = LINKER / ".ready"
    if not done.exists() or done.read_text() != PINNED.read_text():
        say("Fetching zig and cargo-zigbuild into target/dist-linker/")
        run = [ROOT / "scripts" / "venv.sh", LINKER, PINNED]
        subprocess.run(run, check=True)
        done.write_text(PINNED.read_text())
    return LINKER / "bin"


def bring_standard_library(target: str) -> None:
    """Have rustup bring Rust's standard library for a target, if it is not there."""
    found = Path(parts.output("rustc", "--print", "target-libdir", "--target", target).strip())
    if not any(found.glob("libstd-*.rlib")):
        if not shutil.which("rustup"):
            raise RuntimeError(
                f"Rust's standard library for {target} is missing: use rustup's Rust"
            )
        say(f"Fetching Rust's standard library for {target}")
        subprocess.run(["rustup", "--quiet", "target", "add", target], check=True, cwd=ROOT)


# What is made


def build(name: str) -> None:
    """Build what is for one kind of machine."""
    machine = MACHINES[name]
    words = ["cargo", "zigbuild", "--release", "--locked", "-p", machine.package]
    words += ["--target", machine.linked_for]
    bring_standard_library(machine.target)
    environment = {
        **os.environ,
        "PATH": f"{linker()}:{os.environ['PATH']}",
        "CARGO_TARGET_DIR": str(TARGET / "dist-build"),
        # The lines of a backtrace are five sixths of the file.
        "CARGO_PROFILE_RELEASE_DEBUG": "false",
        "CARGO_PROFILE_RELEASE_STRIP": "debuginfo",
        "RUSTFLAGS": machine.flags,
        **{f"CARGO_PROFILE_RELEASE_{setting}": value for setting, value in machine.profile.items()},
    }
    say(f"{name}: by {parts.output('rustc', '--version').strip()}")
    subprocess.run(words, check=True, env=environment, cwd=ROOT)
    built = TARGET / "dist-build" / machine.target / "release" / machine.built
    shutil.copyfile(built, file_for(name))
    file_for(name).chmod(0o755)


def add_terms() -> None:
    """Add who wrote what is linked, and under which licenses."""
    shutil.copyfile(ROOT / "packaging" / "copyright", DIST / "copyright")
    shutil.copyfile(ROOT / "packaging" / "dist" / "Apache-2.0.txt", DIST / "Apache-2.0.txt")


def write_checksums() -> None:
    """Write the checksums of all that is there, for `sha256sum --check`."""
    sums = DIST / "SHA256SUMS"
    files = sorted(file for file in DIST.iterdir() if file != sums)
    sums.write_text(
        "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)
    )


def main() -> int:
    """Build what was asked for."""
    names = sys.argv[1:] or list(MACHINES)
    unknown = [name for name in names if name not in MACHINES]
    if unknown:
        say(f"NAME must be one of {', '.join(MACHINES)}, not '{unknown[0]}'")
        return 2
    if names == list(MACHINES):
        shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir(parents=True, exist_ok=True)
    try:
        for name in names:
            build(name)
        if names == list(MACHINES):
            zig = re.search(r"^ziglang==(.+)$", PINNED.read_text(), re.M)
            assert zig
            say("Listing the parts")
            parts.write(DIST, zig[1], {".": "redis-rl", "cli": "redis-rl-tool"})
    except (RuntimeError, subprocess.CalledProcessError) as error:
        say(str(error))
        return 1
    add_terms()
    write_checksums()
    for file in sorted(DIST.iterdir()):
        say(f"target/dist/{file.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
