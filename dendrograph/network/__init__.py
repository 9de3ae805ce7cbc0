"""The graph as a PyTorch module, with a kernel for each projection; single neurons; the drop-in layer."""
