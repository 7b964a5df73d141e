"""What goes in: described on the command line, in a file, or given in Python."""
