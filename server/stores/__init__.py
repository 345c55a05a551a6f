"""Where conversations are kept. `protocols` says what is promised; the others keep the promise."""
