"""PDF: from characters at places on a page to the blocks of a document."""
