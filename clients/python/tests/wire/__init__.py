"""How a limiter talks to its server: connections, deadlines, clusters, outages."""
