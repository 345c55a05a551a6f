"""Conversations: what happens in them, in which order, and who may add to them."""
