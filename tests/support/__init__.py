"""What the tests stand on: servers, clocks, replicas, raw connections, documented examples."""
