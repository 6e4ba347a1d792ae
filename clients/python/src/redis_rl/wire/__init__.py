"""How commands reach a server or a cluster, and how their replies come back."""
