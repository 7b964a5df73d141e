"""The command line: options in, one call, one render. It only calls."""
