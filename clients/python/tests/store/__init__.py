"""What tests of the store need: a proxy that fails on purpose, limiters of both kinds."""
