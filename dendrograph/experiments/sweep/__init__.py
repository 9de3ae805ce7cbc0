"""Sweeps: many trainings from one file, validated before anything runs, on all cores or on a cluster."""
