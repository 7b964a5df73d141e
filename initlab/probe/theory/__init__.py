"""What should pass through a model: mean-field theory along the graph of a run."""
