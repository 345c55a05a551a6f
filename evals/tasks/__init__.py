"""One suite a file: the data, what is run on them, and how it is judged."""
