"""The dialog engine: from a visitor's words to a decision and its wording. It knows no transport."""
