"""What is delivered: preparation, networks, weights, calibration; data, never code."""
