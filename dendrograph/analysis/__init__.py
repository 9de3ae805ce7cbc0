"""Measures of one trained network or run: activity, weights, learning, embeddings, robustness, lesions, stimulation."""
