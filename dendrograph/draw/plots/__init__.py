"""Figures of results: each takes tables."""
