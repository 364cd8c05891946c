"""What a training is: losses, optimizer, schedules, metrics and settings, as data.

Must not know how any of it is computed, the tree, or TensorFlow. Constants and defaults are TF-Slim's.
"""
