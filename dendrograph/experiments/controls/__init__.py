"""Fair controls: networks that share everything with a morphology except one property."""
