"""Comparisons of several runs: conditions, statistics over seeds, efficiency, model selection."""
