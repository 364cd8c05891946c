"""Graph to bytes: a room for each family of formats, and their registry. Knows nothing of the language."""
