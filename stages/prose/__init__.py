"""The prose track: an author's text becomes pairs of plain and styled prose, and an adapter that rewrites."""
