"""Make src/server/raw/bindings.rs: what the module uses of the server's module API, as Rust.

    bindings.py          write the file anew, from the newest header of Redis that Debian carries
    bindings.py --check  only compare it with what the headers of all servers say

It needs libclang, cargo and a Debian with apt: bindgen is built into target/tools/, and the
headers come from the source packages that Debian's archive signs, into target/headers/. What is
there already is kept.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import debian

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "src"
BINDINGS = SOURCES / "server" / "raw" / "bindings.rs"
API = SOURCES / "server" / "api.rs"
HEADERS = ROOT / "target" / "headers"
TOOLS = ROOT / "target" / "tools"
BINDGEN_VERSION = "0.72.1"
RELEASES = ("bookworm", "trixie", "unstable", "experimental")

SERVERS: Mapping[str, tuple[str, str]] = {
    "redis-7.0": ("redis", "7.0."),
    "redis-8": ("redis", "8.0."),
    "redis-newest": ("redis", "8."),
    "valkey-8": ("valkey", "8."),
    "valkey-9": ("valkey", "9."),
}
"""The package of each server's source, and what the version begins with."""
GROWS = "REDISMODULE_TYPE_METHOD_VERSION"
"""The only constant that says how new a header is."""
NEWEST = "redis-newest"
"""The only one that has every function."""

HEAD = """\
//! What the module uses of the server's module API. Written by `make bindings`; do not edit.

#![allow(
    dead_code,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    clippy::all,
    clippy::restriction,
    reason = "generated, in the names of the C header"
)]
"""

WIDTHS: Mapping[str, tuple[str, ...]] = {
    "uint64_t": (
        "REDISMODULE_EVENT_",
        "REDISMODULE_SUBEVENT_",
        "REDISMODULE_TYPE_METHOD_VERSION",
    ),
    "unsigned int": ("REDISMODULE_CONFIG_",),
}
"""The types of the fields and parameters that constants are for. All others are for an int."""
CONSTANT = "VALUE_OF_"
"""What stands before the name of a constant that has its type, beside the macro of that name."""


class DisagreementError(Exception):
    """A header says something else than the bindings do."""


def run(command: list[str | Path], **variables: str) -> str:
    """Run a command; its error output becomes the reason of a failure."""
    environment = {**os.environ, **variables}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()}")
    return done.stdout


# What is needed


def bindgen() -> Path:
    """The pinned bindgen, or a failure that says how to get it."""
    program = TOOLS / "bin" / "bindgen"
    if not program.exists() or run([program, "--version"]).split()[-1] != BINDGEN_VERSION:
        raise RuntimeError(f"bindgen {BINDGEN_VERSION} is not in target/tools/")
    return program


def headers(server: str) -> Path:
    """The folder with a server's header, or a failure that says how to get it."""
    folder = HEADERS / server
    if not (folder / "redismodule.h").exists():
        raise RuntimeError(f"the header of {server} is not in target/headers/")
    return folder


def fetch() -> None:
    """Bring what is missing of bindgen and the headers."""
    try:
        bindgen()
    except RuntimeError:
        print(f"Building bindgen {BINDGEN_VERSION} into target/tools/", file=sys.stderr)
        words = ["install", "--quiet", "--locked", "--no-track", "--force", "--profile", "dev"]
        version = ("bindgen-cli", "--version", f"={BINDGEN_VERSION}")
        # Its objects are not kept.
        environment = {k: v for k, v in os.environ.items() if k != "CARGO_TARGET_DIR"}
        command = ["cargo", *words, "--root", str(TOOLS), *version]
        subprocess.run(command, check=True, env=environment)
    if not all((HEADERS / server / "redismodule.h").exists() for server in SERVERS):
        fetch_headers()


def fetch_headers() -> None:
    """Bring the headers of all servers, out of their source packages."""
    apt_folder = HEADERS / "apt"
    shutil.rmtree(HEADERS, ignore_errors=True)
    apt = debian.Apt(apt_folder, debian.machines_mirror(), RELEASES, kind="deb-src")
    apt.update()
    for server, (package, wanted) in SERVERS.items():
        fitting = [
            version
            for version in apt.source_versions(package)
            if version.split(":")[-1].startswith(wanted)
        ]
        version = max(fitting, key=lambda each: [int(part) for part in re.findall(r"\d+", each)])
        archive = apt.download_source(package, version, apt_folder)
        (HEADERS / server).mkdir()
        with tarfile.open(archive) as tar:
            for member in tar:
                if re.fullmatch(r"[^/]+/src/(redis|valkey)module\.h", member.name):
                    file = tar.extractfile(member)
                    assert file
                    (HEADERS / server / Path(member.name).name).write_bytes(file.read())
        print(f"{server}: the header of {package} {version}", file=sys.stderr)
    shutil.rmtree(apt_folder)


# What the module uses


def functions() -> tuple[set[str], set[str]]:
    """The functions that the module needs, and those that it can do without."""
    lists = re.findall(r"^    (required|optional) \{\n(.*?)\n    \}", API.read_text(), re.M | re.S)
    found = {kind: set(re.findall(r"\w+", names)) for kind, names in lists}
    return found["required"] | {"GetApi"}, found["optional"]


def named() -> tuple[set[str], set[str]]:
    """The constants and the types that the module names."""
    files = [file for file in SOURCES.rglob("*.rs") if file != BINDINGS]
    text = "\n".join(re.sub(r"//.*", "", file.read_text()) for file in files)
    return (
        set(re.findall(r"\bREDISMODULE_[A-Z0-9_]+\b", text)),
        set(re.findall(r"\bRedisModule[A-Z][A-Za-z]*", text)),
    )


# What a header says of it


def translation(server: str) -> str:
    """What the header of a server says, as Rust."""
    folder = headers(server)
    header = (folder / "redismodule.h").read_text()
    required, optional = functions()
    constants, types = named()
    has = {name for name in required | optional if re.search(rf"\bRedisModule_{name}\b", header)}
    lacks = required - has
    if lacks:
        raise DisagreementError(f"{server} lacks what the module needs: {', '.join(sorted(lacks))}")
    asked = HEADERS / f"{server}.h"
    asked.write_text(question(constants))
    written = HEADERS / f"{server}.rs"
    run(
        [
            *(bindgen(), asked, "--output", written, "--no-doc-comments", "--formatter", "none"),
            *("--rust-target", "1.88", "--rust-edition", "2024", "--raw-line", HEAD),
            *("--allowlist-type", "|".join(sorted(types))),
            *("--allowlist-var", f"{CONSTANT}.*|(Redis|Valkey)Module_({'|'.join(sorted(has))})"),
            *("--", f"-I{folder}"),
        ]
    )
    text = written.read_text().replace(CONSTANT, "")
    text = text.replace("ValkeyModule", "RedisModule").replace("VALKEYMODULE", "REDISMODULE")
    # The pointers themselves are the module's own; the header gives their types.
    text = re.sub(
        r'unsafe extern "C" \{\s*pub static mut RedisModule_(\w+)\s*:\s*(.*?)\s*;\s*\}',
        r"pub type \1 = \2;",
        text,
        flags=re.S,
    )
    written.write_text(text)
    run(["rustfmt", "--edition", "2024", "--config-path", ROOT, written])
    return written.read_text()


def question(constants: set[str]) -> str:
    """The header, and each constant with the type that it is for."""
    lines = ['#include "redismodule.h"']
    for name in sorted(constants):
        fitting = [width for width, starts in WIDTHS.items() if name.startswith(starts)]
        width = fitting[0] if fitting else "int"
        lines.append(f"static const {width} {CONSTANT}{name} = {name};")
    return "\n".join(lines) + "\n"


# Whether all say the same


def items(text: str) -> Iterator[tuple[str, str]]:
    """The declarations of a translation, by name, without the names of parameters."""
    # Not every header has other names for simple types.
    for alias, plain in re.findall(r"^pub type (\w+) = ([\w:]+);$", text, re.M):
        text = re.sub(rf"\b{alias}\b", plain, text)
    pattern = r"^pub (?:type|const|struct|union) (\w+)(?:.|\n)*?(?:;|\n\})$"
    for item in re.finditer(pattern, text, re.M):
        said = re.sub(r"\s+", " ", item[0])
        if said.startswith("pub type"):
            said = re.sub(r"\b\w+: ", "", said)
        said = re.sub(r"(?<=[(<]) | (?=[)>])", "", said)
        yield item[1], re.sub(r",(?= ?[)}>])", "", said)


def disagreements(server: str, ours: str) -> Iterator[str]:
    """What a server's header says otherwise.

    It may lack what the module does not need, and a structure may have fewer fields at its end,
    since it comes with its version or its size.
    """
    theirs = dict(items(translation(server)))
    optional = functions()[1]
    for name, said in items(ours):
        if name not in theirs:
            if name not in optional:
                yield f"{server} has no {name}"
        elif (
            name != GROWS
            and theirs[name] != said
            and not said.startswith(theirs[name].removesuffix(" }") + ",")
        ):
            yield f"{server} has another {name}:\n  {theirs[name]}\n  {said}"


def check() -> None:
    """Compare the bindings with what every header says."""
    ours = BINDINGS.read_text()
    newest = translation(NEWEST)
    if newest != ours:
        names = (str(BINDINGS.relative_to(ROOT)), NEWEST)
        lines = difflib.unified_diff(ours.splitlines(), newest.splitlines(), *names, lineterm="")
        raise DisagreementError("\n".join(["run 'make bindings'", *lines]))
    found = [each for server in SERVERS for each in disagreements(server, ours)]
    if found:
        raise DisagreementError("\n".join(found))


def main() -> int:
    """Write the bindings, or check them."""
    try:
        fetch()
        if sys.argv[1:] != ["--check"]:
            BINDINGS.write_text(translation(NEWEST))
        check()
    except (DisagreementError, RuntimeError, subprocess.SubprocessError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
