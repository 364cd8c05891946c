"""Tree to graph: names, constants, defaults, TF-Slim's scope rules and shape errors with their places.

Nothing here raises for a user's mistake: what is wrong is reported, and what depends on it becomes `UNKNOWN`, which
nothing complains about a second time. Must not know files, bytes or any backend.
"""
