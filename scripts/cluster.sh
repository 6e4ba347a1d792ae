#!/usr/bin/env bash
# Start a cluster with the module in the foreground: three primaries, a replica of each, on the
# loopback interface, with nothing kept after it.
#
#   BASE_PORT  the first of six ports (7000); the nodes also talk on the six 10000 above them
#   SERVER     a redis-server or valkey-server other than the system's
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/serving.sh

base=${BASE_PORT:-7000}
dir=$PWD/target/cluster

if ! [[ $base =~ ^[1-9][0-9]{0,4}$ ]] || ((base + 5 + 10000 > 65535)); then
    fail "BASE_PORT must be a number from 1 to 55530, not '$base'."
fi
scripts/setup.sh server # for redis-cli, which forms the cluster
find_server
ports=$(seq "$base" $((base + 5)))
for port in $ports; do
    for used in "$port" $((port + 10000)); do
        answers "$used" || continue
        fail "Port $used is in use, perhaps by another cluster." \
            "Stop that one, or choose other ports:  make cluster BASE_PORT=$((base < 54000 ? base + 100 : 7000))"
    done
done

nodes=()
stop() {
    trap '' INT TERM
    if ((${#nodes[@]})); then kill "${nodes[@]}" 2>/dev/null || true; fi
    wait
}
trap stop EXIT
trap 'exit 0' INT TERM

for port in $ports; do
    rm -rf "${dir:?}/$port" # its own only: another cluster may run beside it
    mkdir -p "$dir/$port"
    "$server" --bind 127.0.0.1 --port "$port" --dir "$dir/$port" --logfile server.log --save "" \
        --appendonly no --daemonize no --cluster-enabled yes --cluster-node-timeout 5000 \
        --loadmodule "$module" &
    nodes+=($!)
done
for port in $ports; do
    for ((tries = 600; ; tries--)); do
        answers "$port" && break
        ((tries)) || fail "The node on port $port does not answer:" "$(tail "$dir/$port/server.log")"
        sleep 0.1
    done
done

# shellcheck disable=SC2046,SC2086 # a word for each node
redis-cli --cluster create $(printf '127.0.0.1:%s ' $ports) --cluster-replicas 1 --cluster-yes \
    >"$dir/$base/create.log" ||
    fail "The cluster was not formed:" "$(tail "$dir/$base/create.log")"

# Until every node serves, and knows the replicas as such.
for port in $ports; do
    for ((tries = 600; ; tries--)); do
        told=$(redis-cli -p "$port" cluster info && redis-cli -p "$port" cluster nodes) ||
            fail "The node on port $port is gone:" "$(tail "$dir/$port/server.log")"
        [[ $told == *cluster_state:ok* && $(grep -c slave <<<"$told") == 3 ]] && break
        ((tries)) || fail "The cluster was not formed:" "$told"
        sleep 0.1
    done
done

cat <<END

A cluster with redis-rl answers on ports $base to $((base + 5)). Paste into another terminal:

  redis-cli -c -p $base RL.TOKEN user:42 10 5 1s
  redis-cli -c -p $base RL.LIMIT api:42 TOKEN 10 5 1s FIXED 1000 1h
  redis-cli -p $base CLUSTER NODES

Logs are in target/cluster/. Ctrl-C stops all nodes; nothing is kept.

END
wait
