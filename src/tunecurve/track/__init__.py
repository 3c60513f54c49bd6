"""Studies in experiment trackers: MLflow, trackio, Weights & Biases. All that is logged comes from results.json."""
