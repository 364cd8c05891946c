"""Training, evaluation and prediction with TensorFlow: the only room that imports it at the top of its modules."""
