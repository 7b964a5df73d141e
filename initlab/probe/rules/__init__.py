"""The rules of the probe: each looks at one run, and yields what it finds."""
