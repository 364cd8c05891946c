"""A picture of the network as text for Graphviz."""
