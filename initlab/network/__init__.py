"""The torch core: weights, propagation and statistics of many networks at once."""
