"""One small file a command: options, one call, one render."""
