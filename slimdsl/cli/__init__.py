"""The command line: one small module a command. It parses arguments and prints; what is printed is made elsewhere."""
