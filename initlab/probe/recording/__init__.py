"""What passes through a model: hooks, ops and nodes of one run, its trunk, sites and parameters."""
