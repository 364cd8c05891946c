"""What can be written as a layer, and the primitives that layers are built of. Knows no tree, graph or backend."""
