"""The oplog, which records every write in the transaction of that write."""
