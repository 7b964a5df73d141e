"""The modules that the cases build, one file a family."""
