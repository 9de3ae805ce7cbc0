"""From a morphology to a graph: groups of compartments, projections, checked wiring, initial weights, size limits."""
