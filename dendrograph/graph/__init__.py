"""What a morphology compiles to: groups of compartments, projections, verified wiring, initial weights."""
