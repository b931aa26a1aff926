"""Where the parts of a model are kept while they work."""
