#!/bin/sh
# Starts the image's server with the module, and leaves the rest to the image's own entrypoint.
#
#   redis-rl-entrypoint.sh [CONFIG] [--option value]...   the server, with the module
#   redis-rl-entrypoint.sh healthy                        whether it serves and has the module
#   redis-rl-entrypoint.sh COMMAND...                     any other command, as it is
#
# MODULE is the module's file, MODULE_ARGS the arguments that it is loaded with, PORT what the health
# check asks (6379), SERVER the server if it is not the image's.
set -eu

module=${MODULE:-/usr/local/lib/redis/modules/libredis_rl.so}

# What the image has, Redis or Valkey.
first_of() {
    for name; do
        command -v "$name" >/dev/null && echo "$name" && return
    done
    echo "this image must have one of: $*" >&2
    return 1
}

case ${1-} in
healthy)
    cli=$(first_of valkey-cli redis-cli)
    exec "$cli" -p "${PORT:-6379}" -e RL.VERSION
    ;;
'' | -* | *.conf)
    server=${SERVER-}
    [ -n "$server" ] || server=$(first_of valkey-server redis-server)
    set -- "$server" "$@"
    ;;
esac

case ${1##*/} in
redis-server | valkey-server | server)
    # shellcheck disable=SC2086 # a word for each argument
    set -- "$@" --loadmodule "$module" ${MODULE_ARGS-}
    ;;
esac

if command -v docker-entrypoint.sh >/dev/null; then
    exec docker-entrypoint.sh "$@"
fi
exec "$@"
