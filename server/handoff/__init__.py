"""From the first "I want to talk to a person" to the rating."""
