"""Fitting what the engine ships: how sure to be of an answer. `python -m evals.fitting` prints constants and proof."""
