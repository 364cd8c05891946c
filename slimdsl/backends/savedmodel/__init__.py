"""SavedModels: folders with a graph, signatures and the values of variables."""
