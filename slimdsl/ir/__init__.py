"""The graph with resolved names, its verifier, its textual form, and what it costs. Knows no language and no bytes."""
