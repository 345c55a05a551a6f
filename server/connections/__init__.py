"""Live connections: who may open one, what it says, and how much may wait for it."""
