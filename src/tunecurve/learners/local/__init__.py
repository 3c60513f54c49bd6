"""Local models: weights, prefixes, training, decoding. torch lives only in this room."""
