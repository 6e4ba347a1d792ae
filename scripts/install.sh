#!/usr/bin/env bash
# Install the module that was built into the server's modules folder, or remove it from there.
#
#   scripts/install.sh             install
#   scripts/install.sh --uninstall
#
#   PREFIX      where the system's programs are (/usr)
#   MODULE_DIR  the modules folder (PREFIX/lib/redis/modules)
#   DESTDIR     put before all of it, and not part of what is printed
#
# Where the folder is not the caller's to write, sudo is asked.
set -euo pipefail
cd "$(dirname "$0")/.."

built=target/release/libredis_rl.so
module_dir=${MODULE_DIR:-${PREFIX:-/usr}/lib/redis/modules}
module=$module_dir/libredis_rl.so
file=${DESTDIR-}$module

as_owner=()
# Use sudo if what exists of the folder cannot be written to.
find_owner() {
    local dir
    dir=$(dirname "$file")
    while ! [ -e "$dir" ]; do dir=$(dirname "$dir"); done
    if ! [ -w "$dir" ]; then
        command -v sudo >/dev/null 2>&1 || {
            printf '%s\n' "$dir cannot be written to, and there is no sudo: run this as root." >&2
            exit 1
        }
        as_owner=(sudo)
    fi
}

case "$module_dir" in
/*) ;;
*)
    printf '%s\n' "The modules folder must be an absolute path, not '$module_dir'." >&2
    exit 2
    ;;
esac

find_owner
case "${1-}" in
"")
    # Moved into place: a running server keeps the file that it has mapped.
    "${as_owner[@]}" install -D -m 755 "$built" "$file.new"
    "${as_owner[@]}" mv -f "$file.new" "$file"
    printf '%s\n' "Installed $file" "" \
        "Add this line to the server's configuration (Debian: /etc/redis/redis.conf) and restart it:" \
        "" "loadmodule $module" ""
    case "$module_dir" in
    /usr/lib/* | /lib/*) ;;
    *)
        printf '%s\n' "Debian's unit allows no code from $module_dir: copy" \
            "packaging/systemd/redis-server.service.d/redis-rl.conf to" \
            "/etc/systemd/system/redis-server.service.d/, with that folder in it." ""
        ;;
    esac
    ;;
--uninstall)
    "${as_owner[@]}" rm -f "$file"
    printf '%s\n' "Removed $file. Take its loadmodule line out of the server's configuration."
    ;;
*)
    printf '%s\n' "install.sh: unknown word: $1" >&2
    exit 2
    ;;
esac
