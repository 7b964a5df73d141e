"""Which networks does a YAML file mean? From text to runs, and to shares of them. Torch-free."""
