"""Plan and outcomes → text and JSON: one module each, over values that are already decided."""
