"""A server out of another release of Debian's, unpacked beside its own libraries.

The packages come from the mirror that this machine's apt uses, through an apt of its own
folders: each release's signature is checked and nothing on the machine is changed. The server
is started through the loader of the libc that came with it, so it runs on an older Debian.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

TIMEOUT_S = 300
PACKAGES = {
    "redis-server": ("redis-server", "redis-tools"),
    "valkey-server": ("valkey-server", "valkey-tools"),
}
"""What carries each server."""


@dataclass(frozen=True)
class Mirror:
    """An archive of Debian's, and what apt was told to check its signature with."""

    uri: str
    signed_by: str
    """The value of Signed-By, as it stands in a .sources file; "" for apt's own keys."""


def run(command: list[str], cwd: Path | None = None) -> str:
    """Run a command; its error output becomes the reason of a failure."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise RuntimeError(f"{command[0]} failed: {words[-1] if words else done.returncode}")
    return done.stdout


def machines_mirror() -> Mirror:
    """The mirror of this machine's own release, from apt's configuration."""
    release = platform.freedesktop_os_release()
    if release.get("ID") != "debian" or not shutil.which("apt-get"):
        raise RuntimeError("this machine's packages are not Debian's")
    targets = run(
        [
            "apt-get",
            "indextargets",
            "--format",
            "$(RELEASE) $(COMPONENT) $(REPO_URI) $(SOURCESENTRY)",
        ]
    )
    for line in targets.splitlines():
        suite, component, uri, entry = line.split(" ", 3)
        if suite in (release["VERSION_CODENAME"], "stable", "oldstable") and component == "main":
            return Mirror(uri, signed_by(Path(entry.rsplit(":", 1)[0]), uri))
    raise RuntimeError("apt's configuration names no mirror of Debian's main archive")


def signed_by(source: Path, uri: str) -> str:
    """What a source file, in either of apt's two formats, has apt check `uri` with."""
    text = source.read_text()
    wanted = uri.rstrip("/")
    if source.suffix == ".sources":
        for stanza in re.split(r"\n[ \t]*\n", text):
            fields = dict(deb822_fields(stanza))
            if wanted in [word.rstrip("/") for word in fields.get("uris", "").split()]:
                return fields.get("signed-by", "")
        return ""
    for line in text.splitlines():
        option = re.search(r"\[[^]]*signed-by=([^] ]+)", line)
        if wanted in [word.rstrip("/") for word in line.split()] and option:
            return option.group(1).replace(",", " ")
    return ""


def deb822_fields(stanza: str) -> Iterator[tuple[str, str]]:
    """The fields of one stanza; a value keeps its continuation lines."""
    lines = "\n".join(line for line in stanza.splitlines() if not line.startswith("#"))
    for field in re.finditer(r"^([A-Za-z-]+):[ \t]*(.*(?:\n[ \t].*)*)", lines, re.MULTILINE):
        yield field.group(1).lower(), field.group(2)


class Apt:
    """An apt that knows some releases, and keeps everything in a folder of its own.

    Of the packages in `newest` it takes the highest version that any of the releases has. By
    itself it would take nothing out of experimental but what no other release has. `kind` is what
    it fetches: "deb", or "deb-src" for sources; of another `architecture` where one is named.
    """

    def __init__(
        self,
        folder: Path,
        mirror: Mirror,
        suites: Sequence[str],
        newest: Sequence[str] = (),
        kind: str = "deb",
        architecture: str = "",
    ) -> None:
        for name in ("sources", "lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        lines = [f"Types: {kind}", f"URIs: {mirror.uri}", f"Suites: {' '.join(suites)}"]
        lines.append("Components: main")
        if mirror.signed_by:
            lines.append(f"Signed-By: {mirror.signed_by}")
        (folder / "sources" / "debian.sources").write_text("\n".join(lines) + "\n")
        preferences = f"Package: {' '.join(newest)}\nPin: release *\nPin-Priority: 500\n"
        if not newest:
            preferences = ""
        (folder / "preferences").write_text(preferences)
        (folder / "status").touch()
        self.options = [
            f"-oDir::Etc::SourceList={os.devnull}",
            f"-oDir::Etc::SourceParts={folder / 'sources'}",
            f"-oDir::Etc::Preferences={folder / 'preferences'}",
            f"-oDir::Etc::PreferencesParts={os.devnull}",
            f"-oDir::State::Lists={folder / 'lists'}",
            f"-oDir::State::Status={folder / 'status'}",
            f"-oDir::Cache={folder / 'cache'}",
            "-oAPT::Sandbox::User=",
        ]
        if architecture:
            self.options += [f"-oAPT::Architecture={architecture}"]
            self.options += [f"-oAPT::Architectures={architecture}"]

    def update(self) -> None:
        """Fetch the releases' lists of packages and check their signatures."""
        run(["apt-get", *self.options, "-q", "--error-on=any", "update"])

    def with_libraries(self, packages: list[str]) -> list[str]:
        """The packages and all libraries that they need, those of libraries included."""
        found = list(packages)
        todo = found
        while todo:
            told = run(["apt-cache", *self.options, "depends", "--important", *todo])
            named = re.findall(r"^ *\|?(?:Pre)?Depends: (lib[^\s:]+)", told, re.MULTILINE)
            todo = [name for name in dict.fromkeys(named) if name not in found]
            found += todo
        return found

    def download(self, packages: list[str], into: Path) -> None:
        """Fetch the packages' files and check them against the releases."""
        run(["apt-get", *self.options, "-q", "download", *packages], cwd=into)

    def source_versions(self, package: str) -> list[str]:
        """The versions of a package whose sources the releases have."""
        told = run(["apt-cache", *self.options, "showsrc", "--only-source", package])
        return re.findall(r"^Version: (.+)$", told, re.MULTILINE)

    def download_source(self, package: str, version: str, into: Path) -> Path:
        """Fetch the archive of a package's sources, without Debian's changes to them."""
        words = ["source", "--download-only", "--tar-only", f"{package}={version}"]
        run(["apt-get", *self.options, "-q", *words], cwd=into)
        upstream = version.split(":")[-1].rsplit("-", 1)[0]
        return next(into.glob(f"{package}_{upstream}.orig.tar.*"))


def unpack(folder: Path, server: str, *suites: str, architecture: str = "") -> list[str]:
    """Unpack the suites' newest `server` into `folder`; answer the command that starts it."""
    programs = PACKAGES[server]
    apt = Apt(folder / "apt", machines_mirror(), suites, programs, architecture=architecture)
    apt.update()
    root, packages = folder / "root", folder / "packages"
    packages.mkdir()
    apt.download(apt.with_libraries(list(programs)), packages)
    for package in sorted(packages.glob("*.deb")):
        run(["dpkg-deb", "-x", str(package), str(root)])
    shutil.rmtree(folder / "apt")
    shutil.rmtree(packages)
    return through_own_loader(root, root / "usr" / "bin" / server)


def through_own_loader(root: Path, program: Path) -> list[str]:
    """The command that starts a program with the libc and libraries of its own root."""
    loaders = sorted(path for path in root.rglob("ld-linux*.so.*") if not path.is_symlink())
    if not loaders:
        raise RuntimeError("the packages brought no loader")
    # Older releases have the C library outside of usr.
    places = (root / "lib", root / "usr" / "lib")
    libraries = sorted(library for place in places for library in place.rglob("lib*.so.*"))
    folders = dict.fromkeys(str(library.parent) for library in libraries)
    return [str(loaders[0]), "--library-path", ":".join(folders), str(program)]
