"""A client of the protocol kefu.v1: a core without I/O, and two shells around it, for asyncio and for blocking code."""
