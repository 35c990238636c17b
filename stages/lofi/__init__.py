"""Recordings to a data set for a music model."""
