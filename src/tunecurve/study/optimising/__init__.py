"""Looking for a better instruction on labelled rows, by a budget of calls: the strategy `optimized`."""
