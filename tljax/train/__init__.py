"""Training: state, optimizer, step, loop, sharding, checkpoints, logging, the freeze certificate."""
