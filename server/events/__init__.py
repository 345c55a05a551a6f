"""What the world outside is told, after it was committed."""
