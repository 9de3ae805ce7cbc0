"""Morphologies as users declare them: the language of their files, read, checked and frozen."""
