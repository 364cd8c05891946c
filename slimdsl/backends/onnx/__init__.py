"""ONNX, converted from the frozen graph by tf2onnx in a process of its own."""
