"""From a company's documents to a published knowledge base."""
