"""What the company knows: entries, their versions, and the indexes over them."""
