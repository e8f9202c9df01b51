"""Training as pure functions: (state, data, hyperparameters) → state."""
