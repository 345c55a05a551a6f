"""One metric a file: its formula, its source, what one case adds to it, and its 95 % interval."""
