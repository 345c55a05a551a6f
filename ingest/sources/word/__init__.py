"""Word documents (.docx): the final text, with its headings, lists, tables and links."""
