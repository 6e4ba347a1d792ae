# shellcheck shell=bash
# What the scripts that start servers share; to be sourced at the top of the repository.

module=$PWD/target/release/libredis_rl.so

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

# Whether anything listens on a port of the loopback interface.
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Sets `server` to the one that SERVER names, or the system's, which must be there with the module.
find_server() {
    [ -n "${SERVER:-}" ] || scripts/setup.sh server
    # shellcheck disable=SC2034 # used where this file is sourced
    server=$(command -v "${SERVER:-redis-server}") ||
        fail "SERVER=$SERVER is not a program that can be started."
    [ -f "$module" ] || fail "$module is not there: run 'make build' first."
}
