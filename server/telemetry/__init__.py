"""What the server tells about itself: log lines, metrics and traces. Never what a visitor wrote, unless asked to."""
