"""What is said over a connection: frames, their two encodings, and the codes of errors and closings."""
