#!/bin/sh
# Cargo's rustc-wrapper: run the compiler so that paths of this machine do not get into what it
# makes. Cargo can do that by itself (trim-paths), but not yet in its stable releases.
#
#   scripts/rustc.sh RUSTC ARGUMENT...
set -eu

root=${0%/*}/..
here=$(cd "$root" && pwd)
real=$(cd "$root" && pwd -P)
home=${HOME:-/nonexistent}

# Of several prefixes that fit, the compiler takes the last.
set -- "$@" \
    --remap-path-prefix="$home=home" \
    --remap-path-prefix="${RUSTUP_HOME:-$home/.rustup}=rustup" \
    --remap-path-prefix="${CARGO_HOME:-$home/.cargo}=cargo" \
    --remap-path-prefix="$real=redis-rl" \
    --remap-path-prefix="$here=redis-rl"
if [ -n "${CARGO_TARGET_DIR-}" ]; then
    set -- "$@" --remap-path-prefix="$CARGO_TARGET_DIR=target"
fi
exec "$@"
