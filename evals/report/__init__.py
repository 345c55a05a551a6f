"""Self-contained HTML pages: one of a run, one of a comparison."""
