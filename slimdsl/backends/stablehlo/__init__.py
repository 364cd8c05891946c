"""StableHLO, exported from the frozen graph by TensorFlow in a process of its own."""
