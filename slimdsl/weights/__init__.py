"""First values, weights files and the manifest of names. Must not know how bytes are framed in a graph."""
