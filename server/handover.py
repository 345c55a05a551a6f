"""What the parent and the process that serves say to each other; see `server.parent`."""

WARM = b"warm\n"  # all is loaded: I can take over
GO = b"go\n"  # your predecessor is gone
READY = b"ready\n"  # I accept
GONE = b"gone\n"  # all is stored and closed; only my own end is left
RELOAD = b"reload\n"  # read the configuration again
