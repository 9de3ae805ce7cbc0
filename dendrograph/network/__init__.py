"""What runs: the graph as a PyTorch module, with a kernel for each projection."""
