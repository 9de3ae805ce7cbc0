"""Errors, suggestions, files, tables and progress: nothing about neurons, and no import from another package."""
