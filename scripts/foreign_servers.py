"""Make what the modules of `make dist` are loaded by, into target/foreign/.

    foreign_servers.py NAME...   as in scripts/dist.py; those that need nothing are passed over

Each becomes target/foreign/NAME/server, a launcher that the tests start:

- on glibc, for another processor: Debian 12's redis-server of that architecture, under qemu;
- on musl, for this one: Redis 7.0, built from Debian's source package by musl-gcc, with malloc;
- on musl, for another processor: only musl's own loader, under qemu, which looks up every symbol.

What is there already is kept.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import debian
from fetch_servers import write_launcher

FOREIGN = Path(__file__).resolve().parent.parent / "target" / "foreign"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def is_native(name: str) -> bool:
    """Whether a file of that name is for this machine's processor."""
    return name.startswith(f"{platform.machine()}-")


def for_other_glibc(processor: str, folder: Path) -> list[str]:
    """Debian 12's redis-server for another processor, under qemu."""
    architecture = ARCHITECTURES[processor]
    started = debian.unpack(folder, "redis-server", "bookworm", architecture=architecture)
    return [f"qemu-{processor}", *started]


def for_other_musl(processor: str, folder: Path) -> list[str]:
    """Musl's loader for another processor, under qemu: it looks up a file's symbols."""
    apt = debian.Apt(
        folder / "apt",
        debian.machines_mirror(),
        ["bookworm"],
        architecture=ARCHITECTURES[processor],
    )
    apt.update()
    apt.download(["musl"], folder)
    debian.run(["dpkg-deb", "-x", str(next(folder.glob("musl_*.deb"))), str(folder / "root")])
    shutil.rmtree(folder / "apt")
    loader = folder / "root" / "lib" / f"{processor}-linux-musl" / "libc.so"
    loaders = [loader, folder / "root" / "usr" / loader.relative_to(folder / "root")]
    [found] = [each for each in loaders if each.exists()]
    # As this name it lists what it is given, and runs nothing.
    ldd = folder / "ldd"
    ldd.symlink_to(found)
    return [f"qemu-{processor}", "-0", "ldd", str(found)]


def for_own_musl(folder: Path) -> list[str]:
    """Redis 7.0 as it is on musl, with musl's malloc."""
    apt = debian.Apt(folder / "apt", debian.machines_mirror(), ["bookworm"], kind="deb-src")
    apt.update()
    [version, *_] = apt.source_versions("redis")
    with tarfile.open(apt.download_source("redis", version, folder)) as tar:
        tar.extractall(folder, filter="data")
    [source] = folder.glob("redis-*/src")
    words = ["MALLOC=libc", "CC=musl-gcc", "OPTIMIZATION=-O0", "OPT=-O0", "CFLAGS=-w"]
    make = ["make", "--silent", f"-j{os.cpu_count()}", "-C", str(source), "redis-server", *words]
    subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(folder / "apt")
    return [str(source / "redis-server")]


def provide(name: str) -> None:
    """Make the launcher for files of that name, if they need one."""
    folder = FOREIGN / name
    processor, libc = name.split("-")
    needs_none = libc == "tool" or (libc == "gnu" and is_native(name))
    if needs_none or (folder / "server").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"Making what loads the module for {name}", file=sys.stderr)
    if is_native(name):
        command = for_own_musl(folder)
    elif libc == "gnu":
        command = for_other_glibc(processor, folder)
    else:
        command = for_other_musl(processor, folder)
    write_launcher(folder / "server", command)


def main() -> int:
    """Make all that was asked for."""
    try:
        for name in sys.argv[1:]:
            provide(name)
    except (RuntimeError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
