"""Road scenes drawn from a seed. This room knows nothing of the rest of the course."""
