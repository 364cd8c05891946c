"""What the compiler has to say: sources and spans, diagnostics, their codes, and one renderer a file."""
