"""Fitting heads to examples: nothing here runs while visitors are served."""
