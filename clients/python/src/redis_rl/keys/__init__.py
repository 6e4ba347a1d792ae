"""Who is limited in what."""
