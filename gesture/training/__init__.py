"""Training sessions: the loop, checkpoints, optimiser, history."""
