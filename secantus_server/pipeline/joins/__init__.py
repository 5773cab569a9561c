"""How a stage joins documents with those of another collection: by a table, by an index, by a correlated sub-pipeline."""
