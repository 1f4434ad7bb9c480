"""What is measured and never tested: ratios, side by side in one run."""
