#!/usr/bin/env bash
# Start a server with the module in the foreground, with nothing kept on disk.
#
#   PORT    where it listens, on the loopback interface (6379)
#   SERVER  a redis-server or valkey-server other than the system's
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/serving.sh

port=${PORT:-6379}
dir=$PWD/target/run

if ! [[ $port =~ ^[1-9][0-9]{0,4}$ ]] || ((port > 65535)); then
    fail "PORT must be a number from 1 to 65535, not '$port'."
fi
find_server
if answers "$port"; then
    fail "Port $port is in use, perhaps by another Redis." \
        "Stop that one, or choose another port:  make run PORT=$((port < 65535 ? port + 1 : port - 1))"
fi

cli=redis-cli
[ "$port" = 6379 ] || cli="redis-cli -p $port"

# Printed below the server's own first lines, once it can be asked. The server takes over this
# process, so $$ is the server.
greet() {
    while kill -0 $$ 2>/dev/null; do
        if answers "$port"; then
            cat <<END

redis-rl answers on port $port. Paste into another terminal:

  $cli RL.TOKEN user:42 10 5 1s
  $cli RL.FIXED login:alice 5 1m
  $cli RL.LIMIT api:42 TOKEN 10 5 1s FIXED 1000 1h

Ctrl-C stops it; nothing is kept.

END
            return
        fi
        sleep 0.1
    done
}

mkdir -p "$dir"
greet &
exec "$server" --bind 127.0.0.1 --port "$port" --dir "$dir" --save "" --appendonly no \
    --daemonize no --loadmodule "$module"
