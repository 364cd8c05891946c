"""Training data: what `--data` names, how images become a network's input, and the order in which they come.

`opening` finds out what a specification is, `pipeline` makes batches of it, `checking` says what is wrong with it.
"""
