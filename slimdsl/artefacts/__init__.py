"""Artefacts from order to done: what is written, read back, run and described beside it."""
