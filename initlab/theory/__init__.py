"""What theory says about a layer of infinite width, in float64."""
