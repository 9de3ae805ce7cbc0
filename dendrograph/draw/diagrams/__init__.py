"""Diagrams of neurons and networks: each view makes a scene of a graph."""
