"""Installed by make or as a Debian package, the module is found and loaded as documented."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

import parts
from support import binary
from support.paths import MODULE, ROOT
from support.pool import NewServer
from support.ports import free_port
from support.server import Server

FILE = "usr/lib/redis/modules/libredis_rl.so"
LINE = f"loadmodule /{FILE}"
SNIPPET = ROOT / "packaging" / "redis-rl.conf"
DROP_IN = ROOT / "packaging" / "systemd" / "redis-server.service.d" / "redis-rl.conf"
COPYRIGHT = ROOT / "packaging" / "copyright"
UNIT = Path("/lib/systemd/system/redis-server.service")
EXAMPLE = "usr/share/doc/redis-rl/examples/redis-rl.conf"


def run(
    *command: str | Path,
    env: Mapping[str, str] | None = None,
    code: int = 0,
    timeout_s: float = 100,
) -> subprocess.CompletedProcess[str]:
    """Run a command that must end with `code`, and not know of a make that runs the tests."""
    outer = {"MAKEFLAGS", "MAKEOVERRIDES", "PREFIX", "MODULE_DIR", "DESTDIR"}
    inherited = {name: value for name, value in os.environ.items() if name not in outer}
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**inherited, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == code, f"{command}: {done.stdout}{done.stderr}"
    return done


def make(target: str, **variables: str | Path) -> str:
    """What a target of the Makefile's says, without building anything first."""
    words = [f"{name}={value}" for name, value in variables.items()]
    return run("make", "--no-print-directory", "--old-file=build", target, *words).stdout


def directives(text: str) -> list[str]:
    """The lines of a configuration that are not comments."""
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def version() -> bytes:
    """The version that Cargo.toml gives."""
    found = re.search(r'^version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), re.M)
    assert found
    return found[1].encode()


def answers(server: Server) -> None:
    """Check that the server has the module of this tree."""
    with server.raw() as raw:
        assert raw("RL.VERSION") == version()
        assert raw("RL.FIXED", "k", 5, 10) == [1, 5, 4, 0, 10_000]
        raw("DEL", "k")


# make install


@pytest.mark.all_servers
def test_a_server_starts_with_what_make_installed(new_server: NewServer, tmp_path: Path) -> None:
    told = make("install", DESTDIR=tmp_path)
    assert LINE in told.splitlines()
    assert "unit" not in told
    installed = tmp_path / FILE
    assert installed.stat().st_mode & 0o777 == 0o755
    server = new_server(module=installed)
    answers(server)

    # A newer one over it: the running server keeps its own, the next start has the new one.
    before = installed.stat().st_ino
    make("install", DESTDIR=tmp_path)
    assert installed.stat().st_ino != before
    assert [file.name for file in installed.parent.iterdir()] == [installed.name]
    answers(server)
    server.restart()
    answers(server)

    make("uninstall", DESTDIR=tmp_path)
    assert not installed.exists()
    make("uninstall", DESTDIR=tmp_path)


def test_other_folders(tmp_path: Path) -> None:
    told = make("install", DESTDIR=tmp_path, PREFIX="/usr/local")
    folder = "/usr/local/lib/redis/modules"
    assert f"loadmodule {folder}/libredis_rl.so" in told.splitlines()
    assert (tmp_path / folder[1:] / "libredis_rl.so").is_file()
    assert str(DROP_IN.relative_to(ROOT)) in told
    assert directives(DROP_IN.read_text()) == ["[Service]", f"ExecPaths={folder}"]

    told = make("install", DESTDIR=tmp_path, MODULE_DIR="/opt/with space")
    assert "loadmodule /opt/with space/libredis_rl.so" in told
    assert (tmp_path / "opt" / "with space" / "libredis_rl.so").is_file()

    refused = run(ROOT / "scripts" / "install.sh", env={"MODULE_DIR": "here"}, code=2)
    assert "must be an absolute path, not 'here'" in refused.stderr


# The snippet and the drop-in


def test_the_snippet_names_the_installed_file() -> None:
    assert directives(SNIPPET.read_text()) == [LINE]


def test_debians_unit_takes_the_drop_in(tmp_path: Path) -> None:
    if not UNIT.exists() or not shutil.which("systemd-analyze"):
        pytest.skip("Debian's unit of redis-server or systemd-analyze is not here")
    unit = UNIT.read_text().splitlines()
    assert "NoExecPaths=/" in unit
    assert any(line.startswith("ExecPaths=") and "/usr/lib" in line.split() for line in unit)
    shutil.copy(UNIT, tmp_path)
    shutil.copytree(DROP_IN.parent, tmp_path / DROP_IN.parent.name)
    env = {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    assert run("systemd-analyze", "verify", UNIT.name, env=env).stderr == ""
    (tmp_path / DROP_IN.parent.name / "wrong.conf").write_text("[Service]\nExecPath=/\n")
    assert "ExecPath" in run("systemd-analyze", "verify", UNIT.name, env=env).stderr


# What is linked

OURS = {"redis-rl-module", "redis-rl-cli", "redis-rl", "rl-core"}


def linked() -> dict[str, set[str]]:
    """The libraries that the package is linked with, and the licenses that each offers."""
    options = ("--locked", "--offline", "--prefix", "none", "--format", "{p}|{l}")
    edges = ("--edges", "normal,no-proc-macro")
    packages = ("--package", "redis-rl-module", "--package", "redis-rl-cli")
    told = run("cargo", "tree", *packages, *edges, *options).stdout
    found: dict[str, set[str]] = {}
    for line in filter(None, told.splitlines()):
        package, licenses = line.removesuffix(" (*)").split("|")
        offered = re.split(r" OR |/", licenses.replace(" AND ", " and "))
        found[package.split()[0]] = {name.strip() for name in offered}
    return {name: licenses for name, licenses in found.items() if name not in OURS}


def test_the_copyright_names_all_that_is_linked() -> None:
    stanzas = [
        dict(re.findall(r"^([A-Z][A-Za-z-]+):[ \n]*(.*(?:\n .*)*)", stanza, re.M))
        for stanza in COPYRIGHT.read_text().split("\n\n")
    ]
    files = {name: each for each in stanzas for name in each.get("Files", "").split()}
    libraries = linked()
    assert {"foldhash", "serde_json", "arrayvec"} <= set(libraries)
    assert set(files) == {*libraries, "*", "std", *parts.OF_STD, *parts.OF_ZIG}
    for name, licenses in libraries.items():
        assert files[name]["License"] in licenses, name
        assert files[name]["Copyright"], name
    alone = [each for each in stanzas if "License" in each and "Files" not in each]
    texts = {each["License"].split("\n")[0] for each in alone}
    assert {name for each in files.values() for name in each["License"].split(" and ")} == texts


def test_the_copyright_knows_what_rusts_library_is_made_of() -> None:
    """As far as it lies beside it, which is as the compiler links it."""
    folder = Path(run("rustc", "--print", "target-libdir").stdout.strip())
    crates = {file.name.removeprefix("lib").rsplit("-", 1)[0] for file in folder.glob("*.rlib")}
    ours = {name.replace("-", "_") for name in parts.OF_STD}
    assert ours <= crates
    rusts_own = re.compile(
        r"alloc|core|getopts|panic_\w+|proc_macro|profiler_builtins|rustc_literal_escaper"
        r"|rustc_std_workspace_\w+|std|std_detect|sysroot|test|unwind"
    )
    assert [name for name in crates - ours if not rusts_own.fullmatch(name)] == []


def test_the_module_tells_nothing_of_the_machine_that_built_it() -> None:
    binary.assert_tells_nothing_of_this_machine(MODULE)


# The Debian package


@pytest.fixture
def deb() -> Path:
    """The package under test."""
    path = os.environ.get("RL_DEB")
    if not path:
        pytest.skip("the Debian package is tested by 'make test-deb'")
    return ROOT / path


def field(deb: Path, name: str) -> str:
    """A field of the package's control file."""
    return run("dpkg-deb", "--field", deb, name).stdout.strip()


def test_what_the_package_says(deb: Path) -> None:
    assert field(deb, "Package") == "redis-rl"
    assert field(deb, "Version") == f"{version().decode()}-1"
    depends = field(deb, "Depends").split(", ")
    assert "redis-server (>= 5:7.0) | valkey-server (>= 8.0)" in depends
    libc = [re.fullmatch(r"libc6 \(>= (\d+)\.(\d+)\)", one) for one in depends]
    found = [(int(one[1]), int(one[2])) for one in libc if one]
    assert len(found) == 1
    if "12" in field_of_os("VERSION_ID"):
        assert found[0] <= (2, 36), "Debian 12 has glibc 2.36"


def field_of_os(name: str) -> str:
    """A field of this machine's os-release."""
    return run("sh", "-c", f'. /etc/os-release && echo "${{{name}-}}"').stdout.strip()


def test_what_is_in_the_package(deb: Path, new_server: NewServer, tmp_path: Path) -> None:
    root = tmp_path / "root"
    run("dpkg-deb", "--extract", deb, root)
    assert (root / EXAMPLE).read_text() == SNIPPET.read_text()
    doc = root / "usr" / "share" / "doc" / "redis-rl"
    assert (doc / "copyright").read_text() == COPYRIGHT.read_text()
    for page in ("README.Debian", "README.md", "docs/operations.md", "docs/commands/fixed.md"):
        assert (doc / page).is_file()
    assert not (root / "etc").exists()
    for path in root.rglob("*"):
        is_run = path.is_dir() or path.suffix == ".so" or path.parent.name == "bin"
        wanted = 0o755 if is_run else 0o644
        assert path.stat().st_mode & 0o777 == wanted, path
    answers(new_server(module=root / FILE))


def test_the_tool_is_in_the_package(deb: Path, tmp_path: Path) -> None:
    run("dpkg-deb", "--extract", deb, tmp_path)
    share = tmp_path / "usr" / "share"
    said = run(tmp_path / "usr" / "bin" / "redis-rl", "--version").stdout
    assert said.split() == ["redis-rl", version().decode()]
    for page in ("redis-rl", "redis-rl-replay", "redis-rl-policies-apply"):
        text = gzip.decompress((share / "man" / "man1" / f"{page}.1.gz").read_bytes())
        assert b".SH SYNOPSIS" in text
    for completions in (
        share / "bash-completion" / "completions" / "redis-rl",
        share / "zsh" / "vendor-completions" / "_redis-rl",
        share / "fish" / "vendor_completions.d" / "redis-rl.fish",
    ):
        assert "ipv6-prefix" in completions.read_text()
    run("bash", "-n", share / "bash-completion" / "completions" / "redis-rl")


INSIDE = r"""
exec 2>&1
say() { echo "== $*"; }
redis-cli() { command redis-cli -p "$PORT" "$@"; }
# As the unit starts it, but in the foreground without systemd, and on a port that is free.
start() {
    setpriv --reuid redis --regid redis --init-groups redis-server /etc/redis/redis.conf \
        --supervised no --daemonize no --port "$PORT" --save "" --logfile "" >/tmp/log &
    for _ in $(seq 600); do
        ! redis-cli PING 2>/dev/null | grep -q PONG || return 0
        kill -0 $! 2>/dev/null || break
        sleep 0.1
    done
    cat /tmp/log
    return 1
}
stop() { redis-cli SHUTDOWN NOSAVE; wait; }
# What the page has typed, where there is systemd.
systemctl() { [ "$*" = "restart redis-server" ] && start; }

say install
before=$(stat -c '%a %U %G' /etc/redis /etc/redis/redis.conf)
cd /tmp
eval "$INSTALL"
[ "$before" = "$(stat -c '%a %U %G' /etc/redis /etc/redis/redis.conf)" ]
stat -c '%a %U %G %n' /usr/lib/redis/modules/*
say not loaded
start; redis-cli RL.VERSION; stop
say loaded
eval "$LOAD"; redis-cli CONFIG REWRITE; stop
say rewritten
grep -c ^loadmodule /etc/redis/redis.conf
start; redis-cli RL.VERSION; stop
say upgrade
dpkg --force-unsafe-io -i /tmp/target/debian/redis-rl_*.deb
start; redis-cli RL.VERSION; stop
say included
cp /etc/redis/redis.conf /tmp/good
sed -i 's,^loadmodule .*,include /usr/share/doc/redis-rl/examples/redis-rl.conf,' \
    /etc/redis/redis.conf
start; redis-cli RL.VERSION; redis-cli CONFIG REWRITE; stop
if start; then exit 1; fi
cat /tmp/good >/etc/redis/redis.conf
say remove
dpkg --force-unsafe-io -r redis-rl
say removed
ls /usr/lib/redis /usr/share/doc/redis-rl || true
sed -i /^loadmodule/d /etc/redis/redis.conf
start; redis-cli PING; stop
"""

OVERLAY = r"""
mount -t tmpfs tmpfs "$WORK"
mkdir "$WORK/upper" "$WORK/work" "$WORK/merged"
mount -t overlay overlay -o "lowerdir=/,upperdir=$WORK/upper,workdir=$WORK/work" "$WORK/merged"
mount --rbind /dev "$WORK/merged/dev"
mount --rbind /proc "$WORK/merged/proc"
mount -t tmpfs tmpfs "$WORK/merged/tmp"
chmod 1777 "$WORK/merged/tmp"
"""

ENTER = r"""
mkdir -p "$WORK/merged/tmp/target/debian"
cp "$DEB" "$WORK/merged/tmp/target/debian/"
exec chroot "$WORK/merged" bash -euc "$INSIDE"
"""


@pytest.mark.timeout(600)
def test_install_load_upgrade_and_remove(deb: Path, tmp_path: Path) -> None:
    """Do it on this machine's own system, under a layer that takes every write.

    What installs and loads it is what the page says, to the letter.
    """
    found = subprocess.run(
        ["dpkg-query", "-W", "-f=${db:Status-Status} ${Version}", "redis-server"],
        capture_output=True,
        text=True,
        check=False,
    )
    if not found.stdout.startswith("installed 5:7.0"):
        pytest.skip("Debian 12's redis-server is not installed here")
    before = subprocess.run(["dpkg-query", "-W", "redis-rl"], capture_output=True, check=False)
    # Processes and mounts of a space of their own end with it, whatever happens.
    space = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    env = {"WORK": str(tmp_path / "layer"), "PORT": str(free_port()), "LC_ALL": "C.UTF-8"}
    (tmp_path / "layer").mkdir()
    tried = subprocess.run(
        [*space, "sh", "-euc", OVERLAY],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode != 0:
        pytest.skip(f"no layer can be put over the system here: {tried.stderr.strip()}")
    page = (ROOT / "docs" / "operations.md").read_text()
    typed = re.search(
        r"^\*\*As a Debian package\.\*\*.*?^```\n(.+?\n)(.+?)^```$", page, re.M | re.S
    )
    assert typed
    env |= {"INSIDE": INSIDE, "INSTALL": typed[1], "LOAD": typed[2]}
    told = run(*space, "sh", "-euc", OVERLAY + ENTER, env={**env, "DEB": str(deb)}, timeout_s=500)
    parts = re.split(r"^== (.+)\n", told.stdout, flags=re.M)
    steps = dict(zip(parts[1::2], parts[2::2], strict=True))
    answer = f"{version().decode()}\n"
    assert "755 root root /usr/lib/redis/modules/libredis_rl.so\n" in steps["install"]
    assert "unknown command" in steps["not loaded"]
    assert steps["loaded"] == f"{answer}OK\n"
    assert steps["rewritten"] == f"1\n{answer}"
    assert steps["upgrade"].endswith(answer)
    assert "take the loadmodule line" not in steps["upgrade"]
    assert steps["included"].startswith(f"{answer}OK\n")
    assert "server aborting" in steps["included"]
    assert "take the loadmodule line out of /etc/redis/redis.conf" in steps["remove"]
    assert "libredis_rl.so" not in steps["removed"]
    assert "redis-rl.conf" not in steps["removed"]
    assert steps["removed"].endswith("PONG\n")
    after = subprocess.run(["dpkg-query", "-W", "redis-rl"], capture_output=True, check=False)
    assert after.returncode == before.returncode, "the machine itself was changed"
