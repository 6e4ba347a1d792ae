#!/usr/bin/env bash
# Run a helper's example app, in the foreground, on a redis-server of its own.
#
#   scripts/example.sh python|rust|node
#
#   PORT       where the app listens, on the loopback interface (8000)
#   REDIS_URL  a server that has the module; without it, one is started on a free port and ended with the app
#   SERVER     a redis-server or valkey-server other than the system's
#
# The app reads the rest of its environment itself: ON_ERROR, TRUSTED_PROXIES, RL_PREFIX.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/serving.sh

root=$PWD
export PORT=${PORT:-8000}
dir=$root/target/run/example-$$
children=()

stop() {
    trap - EXIT INT TERM
    ((${#children[@]} == 0)) || kill "${children[@]}" 2>/dev/null || true
    wait
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# await PORT PID WHAT: until PID answers on PORT.
await() {
    until answers "$1"; do
        kill -0 "$2" 2>/dev/null || fail "$3 did not start." "$(cat "$dir/redis.log" 2>/dev/null)"
        sleep 0.1
    done
}

free_port() {
    local port
    for port in {16379..16479}; do
        answers "$port" || { echo "$port" && return; }
    done
    fail "No port from 16379 to 16479 is free for redis-server: set REDIS_URL to a server with the module."
}

start_redis() {
    local port
    find_server
    port=$(free_port)
    mkdir -p "$dir"
    "$server" --bind 127.0.0.1 --port "$port" --dir "$dir" --save "" --appendonly no \
        --loadmodule "$module" >"$dir/redis.log" 2>&1 &
    children+=($!)
    await "$port" $! "$server"
    export REDIS_URL=redis://127.0.0.1:$port
}

start_app() {
    case "$1" in
    python)
        PYTHONPATH=$root/clients/python/src "$root/target/venv/bin/python" clients/python/examples/app.py &
        ;;
    rust)
        (cd clients/rust && cargo build --release --example app --all-features)
        (cd clients/rust && exec cargo run --quiet --release --example app --all-features) &
        ;;
    node)
        (cd clients/node && npm run --silent build)
        node clients/node/examples/app.mjs &
        ;;
    esac
    app=$!
    children+=("$app")
}

greet() {
    local app=http://127.0.0.1:$PORT
    cat <<END

The app answers on port $PORT, its Redis is $REDIS_URL. Paste into another terminal:

  # Five a minute pass, the sixth is refused.
  for i in {1..6}; do curl -i $app/items; echo; done
  # An account has a budget of its own, wherever it comes from.
  curl -i -H 'Authorization: Bearer user123_token' $app/user_data
  # Two limits in one command, a request that costs 4, a request that is held.
  curl -i $app/report
  curl -i '$app/export?pages=4'
  for i in {1..3}; do curl $app/slow; echo; done

Ctrl-C stops both.

END
}

case "${1-}" in
python | rust | node) ;;
*) fail "Usage: scripts/example.sh python|rust|node" ;;
esac
{ [[ $PORT =~ ^[1-9][0-9]{0,4}$ ]] && ((PORT < 65536)); } || fail "PORT must be a number from 1 to 65535, not '$PORT'."
! answers "$PORT" || fail "Port $PORT is in use: choose another, as in  make example-$1 PORT=8001"

[ -n "${REDIS_URL:-}" ] || start_redis
start_app "$1"
await "$PORT" "$app" "The app"
greet
wait "$app"
