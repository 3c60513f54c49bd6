"""How targets write what they mean: placeholders, lists of entities, labelled spans."""
