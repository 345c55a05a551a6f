"""Readers of evaluation data: one JSON object a line, with errors that name file, line and field."""
