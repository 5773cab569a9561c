"""The methods of joining documents with another collection: hash table, index, correlated sub-pipeline."""
