"""Networks as values: layers, initialisation, application, losses, metrics. Pure functions, no training."""
