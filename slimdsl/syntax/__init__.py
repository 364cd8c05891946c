"""Text to tree: lexer, layout, an LALR driver with a prebuilt table, builder and error messages. Knows no meaning."""
