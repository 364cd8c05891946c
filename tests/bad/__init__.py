"""Wrong files with exactly what is said about them."""
