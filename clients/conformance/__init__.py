"""The three example apps, held to one walk: whatever the language, a client sees the same."""
