"""The console: where people answer. Its pages, what they ask for over HTTP, and their socket."""
