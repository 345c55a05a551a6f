"""The accounts of those who answer: who they are, how they sign in, what they may do."""
