"""What the walk needs: the apps, HTTP by hand, and what Redis saw."""
