"""What produces runs: sweeps, fair controls, and the paper's experiments."""
