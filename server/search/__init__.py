"""Full-text search over what was said. Its file is derived from the log: deleted, it is made anew."""
