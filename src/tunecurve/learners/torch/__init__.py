"""What every learner on torch shares: device, speed, weights, checkpoints, batches."""
