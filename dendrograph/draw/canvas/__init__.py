"""What all pictures share: a scene in millimetres, its layout, and what turns it into artists."""
