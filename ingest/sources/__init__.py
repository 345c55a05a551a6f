"""Readers: files in, records with their origin out. One module a format."""
