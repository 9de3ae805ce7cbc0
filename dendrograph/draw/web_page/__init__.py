"""One network as an interactive page."""
