#!/usr/bin/env bash
# Put the module that was built into a Debian package in target/debian/, and print its path.
#
#   scripts/deb.sh           make it; cargo-deb is built into target/tools/ if it is not there
#   scripts/deb.sh --check   only say what is missing here, and fail
set -euo pipefail
cd "$(dirname "$0")/.."

CARGO_DEB=3.8.0
tools=$PWD/target/tools

say() { printf '%s\n' "$*" >&2; }

# dpkg-shlibdeps tells which libc6 the module needs.
missing=()
for tool in dpkg-deb dpkg-shlibdeps; do
    command -v "$tool" >/dev/null 2>&1 || missing+=("$tool")
done
if [ ${#missing[@]} != 0 ]; then
    say "A Debian package cannot be made here: ${missing[*]} is missing."
    say "On Debian or Ubuntu, as root:  apt-get install --no-install-recommends dpkg-dev"
    exit 1
fi
[ "${1-}" != --check ] || exit 0

if [ "$("$tools/bin/cargo-deb" --version 2>/dev/null)" != "cargo-deb $CARGO_DEB" ]; then
    say "Building cargo-deb $CARGO_DEB into target/tools/"
    # Built without optimization and without liblzma it is ready sooner; the system's gzip packs.
    # Its objects are not kept, so not in CARGO_TARGET_DIR.
    env -u CARGO_TARGET_DIR cargo install --quiet --locked --no-track --force --root "$tools" \
        --profile dev --no-default-features --features gzip cargo-deb --version "=$CARGO_DEB"
fi

# The times of the files are those of the last commit, so that the same build packs the same.
if [ -z "${SOURCE_DATE_EPOCH-}" ] && changed=$(git log -1 --format=%ct 2>/dev/null); then
    export SOURCE_DATE_EPOCH=$changed
fi
mkdir -p target/debian
rm -f target/debian/*.deb
"$tools/bin/cargo-deb" --no-build --quiet -p redis-rl-module -Z gzip --compress-system --output target/debian/
