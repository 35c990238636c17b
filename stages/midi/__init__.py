"""Scores to REMI text, and music models to scores."""
