"""`make bench`: what the program costs, beside a floor or a peer; see docs/performance.md."""
