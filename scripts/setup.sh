#!/usr/bin/env bash
# Install what is missing of the named parts, and nothing when nothing is missing.
#
#   scripts/setup.sh PART...
#     build       a C compiler with its headers, which links
#     bindings    libclang, for bindgen
#     foreign     qemu for user programs, and musl with its compiler
#     rust-tools  rustfmt and clippy
#     server      a redis-server and redis-cli
#     terminal    tmux
#     bench       valgrind and redis-benchmark
#     bench-http  wrk
#     browser     a Chromium
#     node        Node.js 20 or later with npm
#     python      a Python 3.11 or later that can make virtual environments
#
# Where packages cannot be installed, it says which ones are needed and fails.
set -euo pipefail

packages=() # Debian's names of what is missing
missing=()  # the same in words

need() { # need PACKAGE WORDS
    packages+=("$1")
    missing+=("$2")
}

say() { printf '%s\n' "$*" >&2; }

have() { command -v "$1" >/dev/null 2>&1; }

any_file() { compgen -G "$1" >/dev/null; }

# The places where bindgen looks, in the layouts of Debian, Fedora, Arch and Homebrew.
have_libclang() {
    local dir name
    for dir in "${LIBCLANG_PATH:-/nonexistent}" /usr/lib/llvm*/lib /usr/lib/*-linux-gnu \
        /usr/lib /usr/lib64 /usr/lib64/llvm*/lib /usr/local/lib /opt/homebrew/opt/llvm/lib; do
        for name in 'libclang.so*' 'libclang-[0-9]*.so*' 'libclang.dylib'; do
            any_file "$dir/$name" && return 0
        done
    done
    return 1
}

# libclang parses C only beside the headers that Clang brings itself (stddef.h and its like).
have_clang_headers() {
    local pattern
    for pattern in '/usr/lib/llvm*/lib/clang/*/include' '/usr/lib*/clang/*/include' \
        '/usr/lib64/llvm*/lib/clang/*/include' '/opt/homebrew/opt/llvm/lib/clang/*/include'; do
        any_file "$pattern/stddef.h" && return 0
    done
    return 1
}

look_build() {
    have cargo || {
        say "Rust is missing: install it first (rustup, or your system's cargo package)."
        exit 1
    }
    have cc || need gcc "a C compiler"
    [ -e /usr/include/stdio.h ] || [ "$(uname)" = Darwin ] || need libc6-dev "the C library's headers"
}

look_bindings() {
    { have_libclang && have_clang_headers; } || need libclang-dev "libclang (for bindgen)"
}

look_foreign() {
    { have qemu-aarch64 && have qemu-x86_64; } || need qemu-user "qemu for user programs"
    have musl-gcc || need musl-tools "musl-gcc"
    have make || need make "make"
}

look_rust_tools() {
    local tool
    for tool in fmt clippy; do
        cargo "$tool" --version >/dev/null 2>&1 && continue
        have rustup || {
            say "cargo $tool is missing: install it as you installed Rust."
            exit 1
        }
        rustup component add "${tool/#fmt/rustfmt}"
    done
}

look_server() {
    { have redis-server && have redis-cli; } || need redis-server "redis-server"
}

look_bench() {
    { have valgrind && have vgdb; } || need valgrind "valgrind"
    have redis-benchmark || need redis-tools "redis-benchmark"
}

look_bench_http() {
    have wrk || need wrk "wrk"
}

look_terminal() {
    have tmux || need tmux "tmux"
}

look_browser() {
    local name
    for name in chromium-headless-shell chromium chromium-browser google-chrome; do
        have "$name" && return
    done
    need chromium-headless-shell "Chromium"
}

# Debian 12 has Node.js 18, so a package is named only where it would do.
look_node() {
    local major candidate
    major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
    ((major >= 20)) && have npm && return
    candidate=$(apt-cache policy nodejs 2>/dev/null | sed -n 's/^ *Candidate: *\([0-9]*\).*/\1/p')
    ((${candidate:-0} >= 20)) || {
        say "Node.js 20 or later with npm is missing: install it from nodejs.org or your system's packages."
        exit 1
    }
    ((major >= 20)) || need nodejs "Node.js 20"
    have npm || need npm "npm"
}

look_python() {
    "$(dirname "$0")/venv.sh" --python >/dev/null || need python3-venv "Python 3.11 with its venv module"
}

# A package's own service would take port 6379; only the program is wanted here.
stop_service() {
    if have systemctl; then
        "$@" systemctl disable --now redis-server >/dev/null 2>&1 ||
            "$@" systemctl disable redis-server >/dev/null 2>&1 || true
    fi
    if have service && ! [ -d /run/systemd/system ]; then
        "$@" service redis-server stop >/dev/null 2>&1 || true
    fi
}

give_up() {
    say "$1"
    say "Missing: $(printf '%s, ' "${missing[@]}" | sed 's/, $//')."
    say "On Debian or Ubuntu, as root:  apt-get install --no-install-recommends ${packages[*]}"
    say "Elsewhere, install what does the same, then run this again."
    exit 1
}

install_packages() {
    local as_root=()
    have apt-get || give_up "This system's packages cannot be installed from here (no apt-get)."
    if [ "$(id -u)" != 0 ]; then
        have sudo || give_up "Packages can be installed by root only, and there is no sudo."
        as_root=(sudo)
        [ -t 0 ] || as_root=(sudo -n)
    fi
    say "Installing ${packages[*]} (for: $(printf '%s; ' "${missing[@]}" | sed 's/; $//'))"
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
    "${apt[@]}" update >&2 || say "apt-get update failed; trying with the lists at hand."
    "${apt[@]}" install -y --no-install-recommends "${packages[@]}" >&2 ||
        give_up "apt-get could not install the packages."
    case " ${packages[*]} " in *" redis-server "*) stop_service "${as_root[@]}" ;; esac
}

for part in "$@"; do
    case "$part" in
    build) look_build ;;
    bindings) look_bindings ;;
    foreign) look_foreign ;;
    rust-tools) look_rust_tools ;;
    server) look_server ;;
    bench) look_bench ;;
    bench-http) look_bench_http ;;
    browser) look_browser ;;
    terminal) look_terminal ;;
    node) look_node ;;
    python) look_python ;;
    *)
        say "setup.sh: no such part: $part"
        exit 2
        ;;
    esac
done
[ ${#packages[@]} = 0 ] || install_packages
