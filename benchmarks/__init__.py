"""Speed and memory, as ratios within one run. `make bench` prints the table; it is never a gate."""
