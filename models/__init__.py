"""Trained models behind small protocols: arrays and values in, values out."""
