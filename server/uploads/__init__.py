"""Files that visitors send: taken in, made harmless, kept, and let go of."""
