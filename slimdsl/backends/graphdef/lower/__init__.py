"""What each primitive becomes in TensorFlow: a file for each file of `ops`, and the table of them."""
