"""GLiNER models of a local folder, asked for a study's labels without training."""
