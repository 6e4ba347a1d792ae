"""Shadows, bans, ids, several subjects, places and waiting, in every adapter."""
