"""Results and lists as tables that fit a width: which columns, which words, how they are drawn."""
