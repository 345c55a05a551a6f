"""The chat widget for web pages, the client that it is built on, and a demonstration page."""
