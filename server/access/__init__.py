"""Who may do what: keys of programs and widgets, tokens of visitors."""
