"""Two runs over the same data, side by side: what changed, and whether the change is more than noise."""
