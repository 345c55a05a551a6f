"""What the parent and the process that serves say to each other; see `server.parent`."""

WARM = b"warm\n"  # all is loaded: I can take over
GO = b"go\n"  # your predecessor is gone
READY = b"ready\n"  # I accept
RELOAD = b"reload\n"  # read the configuration again
