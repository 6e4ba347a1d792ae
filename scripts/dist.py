"""Build the module for other machines into target/dist/, with checksums and a list of its parts.

    dist.py            for all of them
    dist.py NAME...    for those: x86_64-gnu, aarch64-gnu, x86_64-musl, ...

zig links, since it brings each machine's C library: glibc as of 2.17, so that a file runs on any
system since 2014, and musl. rustup brings Rust's standard library for each.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import version

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "target"
DIST = TARGET / "dist"
LINKER = TARGET / "dist-linker"
TOOLS = TARGET / "tools"
PINNED = ROOT / "packaging" / "dist" / "requirements.txt"
CYCLONEDX = "0.5.9"
OLDEST_GLIBC = "2.17"


@dataclass(frozen=True)
class Machine:
    """A kind of machine, as the compiler and as the linker know it."""

    target: str
    linked_for: str
    flags: str = ""


def on_glibc(processor: str) -> Machine:
    """A Linux with glibc."""
    target = f"{processor}-unknown-linux-gnu"
    return Machine(target, f"{target}.{OLDEST_GLIBC}")


def on_musl(processor: str) -> Machine:
    """A Linux with musl; a library that a server loads must share the server's."""
    target = f"{processor}-unknown-linux-musl"
    return Machine(target, target, "-C target-feature=-crt-static")


MACHINES: Mapping[str, Machine] = {
    "x86_64-gnu": on_glibc("x86_64"),
    "aarch64-gnu": on_glibc("aarch64"),
    "x86_64-musl": on_musl("x86_64"),
    "aarch64-musl": on_musl("aarch64"),
}


def file_for(name: str) -> Path:
    """Where the module for a kind of machine is put."""
    return DIST / f"libredis_rl-{name}.so"


def say(line: str) -> None:
    """Tell what is done."""
    print(line, file=sys.stderr, flush=True)


def output(*command: str | Path) -> str:
    """What a command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


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
    found = Path(output("rustc", "--print", "target-libdir", "--target", target).strip())
    if not any(found.glob("libstd-*.rlib")):
        if not shutil.which("rustup"):
            raise RuntimeError(
                f"Rust's standard library for {target} is missing: use rustup's Rust"
            )
        say(f"Fetching Rust's standard library for {target}")
        subprocess.run(["rustup", "--quiet", "target", "add", target], check=True, cwd=ROOT)


# What is made


def build(name: str) -> None:
    """Build the module for one kind of machine."""
    machine = MACHINES[name]
    words = ["cargo", "zigbuild", "--release", "--locked", "-p", "redis-rl-module"]
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
    }
    say(f"{name}: by {output('rustc', '--version').strip()}")
    subprocess.run(words, check=True, env=environment, cwd=ROOT)
    built = TARGET / "dist-build" / machine.target / "release" / "libredis_rl.so"
    shutil.copyfile(built, file_for(name))
    file_for(name).chmod(0o755)


def list_parts() -> Path:
    """Write what the files are made of, as CycloneDX has it."""
    program = TOOLS / "bin" / "cargo-cyclonedx"
    if not program.exists() or CYCLONEDX not in output(program, "cyclonedx", "--version"):
        say(f"Building cargo-cyclonedx {CYCLONEDX} into target/tools/")
        words = ["install", "--quiet", "--locked", "--no-track", "--force", "--profile", "dev"]
        package = ("cargo-cyclonedx", "--version", f"={CYCLONEDX}", "--root", TOOLS)
        # Its objects are not kept.
        environment = {k: v for k, v in os.environ.items() if k != "CARGO_TARGET_DIR"}
        subprocess.run(["cargo", *words, *package], check=True, env=environment)
    stem = f"redis-rl-{version.told(version.SOURCE)}.cdx"
    words = ["--format", "json", "--no-build-deps", "--target", "all", "--spec-version", "1.5"]
    output(program, "cyclonedx", *words, "--override-filename", stem)
    made = DIST / f"{stem}.json"
    # Our own crates are named by where they lie, which is nobody's business.
    text = (ROOT / f"{stem}.json").read_text().replace(f"file://{ROOT}", "file:///redis-rl")
    for stray in (*ROOT.glob("*.cdx.json"), *ROOT.glob("core/*.cdx.json")):
        stray.unlink()
    made.write_text(text)
    return made


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
            list_parts()
    except (RuntimeError, subprocess.CalledProcessError) as error:
        say(str(error))
        return 1
    write_checksums()
    for file in sorted(DIST.iterdir()):
        say(f"target/dist/{file.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
