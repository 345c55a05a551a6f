"""Web pages: what a visitor of the page would read, and what its authors say about it."""
