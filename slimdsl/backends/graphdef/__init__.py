"""TensorFlow's GraphDef: graph -> nodes -> bytes, without TensorFlow in the process."""
