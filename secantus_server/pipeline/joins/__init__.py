"""The join algorithms of `$lookup` and `$graphLookup`: by hash table, by index, or by a correlated sub-pipeline."""
