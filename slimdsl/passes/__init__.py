"""Graph to graph: what a network for inference can do without. Knows no bytes, no numbers and no backends."""
