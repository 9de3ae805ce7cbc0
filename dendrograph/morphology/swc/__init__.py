"""Reconstructions of real neurons (SWC) as morphologies."""
