"""Reconstructions of real neurons (SWC files), read, reduced and written as morphologies."""
