"""Tests of `redis-rl replay`."""
