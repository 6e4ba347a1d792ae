"""Shadows, bans, ids, several subjects, places and waiting, by both kinds of limiter."""
