"""What a user declares: the language of morphologies, read, checked and frozen."""
