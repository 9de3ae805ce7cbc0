"""The training loop, and all that it leaves on disk and reads back."""
