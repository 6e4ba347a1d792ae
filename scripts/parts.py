"""What a module or program is made of: the list of parts that goes with `make dist`.

Cargo knows the crates. It does not know what the compiler and zig's linker bring: Rust's standard
library with crates of its own, an unwinder, and pieces of the C library.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import version

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "target" / "tools"
CYCLONEDX = "0.5.9"

OF_STD = (
    *("addr2line", "adler2", "cfg-if", "compiler_builtins", "gimli", "hashbrown", "libc"),
    *("memchr", "miniz_oxide", "object", "rustc-demangle"),
)
"""The crates that Rust's standard library is made of, beside its own."""
OF_ZIG: Mapping[str, str] = {
    "llvm-libunwind": "Apache-2.0 WITH LLVM-exception",
    "zig-compiler-rt": "MIT",
    "glibc": "LGPL-2.1-or-later WITH GCC-exception-2.0-note",
    "musl": "MIT",
}
"""What zig links: its unwinder, its runtime, and of glibc only what every library gets that is
linked against it (crti, crtn, the wrappers of stat). A module for musl gets crti and crtn, the
program all of musl that it uses."""
STD_LICENSE = "MIT OR Apache-2.0"


def output(*command: str | Path) -> str:
    """What a command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def cyclonedx() -> Path:
    """The program that lists crates, built if it is not there yet."""
    program = TOOLS / "bin" / "cargo-cyclonedx"
    if not program.exists() or CYCLONEDX not in output(program, "cyclonedx", "--version"):
        words = ["install", "--quiet", "--locked", "--no-track", "--force", "--profile", "dev"]
        package = ("cargo-cyclonedx", "--version", f"={CYCLONEDX}", "--root", TOOLS)
        # Its objects are not kept.
        environment = {k: v for k, v in os.environ.items() if k != "CARGO_TARGET_DIR"}
        subprocess.run(["cargo", *words, *package], check=True, env=environment)
    return program


def beside_crates(zig: str) -> Iterator[Mapping[str, object]]:
    """The parts that Cargo does not know, as CycloneDX has them."""
    rust = output("rustc", "--version").split()[1]
    found = [("rust-std", rust, STD_LICENSE, f"with {', '.join(OF_STD)}")]
    found += [(name, zig, terms, "as zig brings it") for name, terms in OF_ZIG.items()]
    for name, number, terms, description in found:
        yield {
            "type": "library",
            "name": name,
            "version": number,
            "description": description,
            "licenses": [{"expression": terms}],
        }


def write(into: Path, zig: str, products: Mapping[str, str]) -> Sequence[Path]:
    """Write a list for each product, by the folder of its crate, as CycloneDX has it."""
    program = cyclonedx()
    stem = f"parts-{version.told(version.SOURCE)}.cdx"
    words = ["--format", "json", "--no-build-deps", "--target", "all", "--spec-version", "1.5"]
    output(program, "cyclonedx", *words, "--override-filename", stem)
    written = []
    for folder, product in products.items():
        # Our own crates are named by where they lie, which is nobody's business.
        text = (ROOT / folder / f"{stem}.json").read_text()
        parts = json.loads(text.replace(f"file://{ROOT}", "file:///redis-rl"))
        parts["components"] += beside_crates(zig)
        made = into / f"{product}-{version.told(version.SOURCE)}.cdx.json"
        made.write_text(json.dumps(parts, indent=2) + "\n")
        written.append(made)
    # It writes one for every crate of the workspace.
    for stray in (*ROOT.glob(f"{stem}.json"), *ROOT.glob(f"*/{stem}.json")):
        stray.unlink()
    return written
