"""The applications that face people. So far: a terminal."""
