"""The server's part of Queryable Encryption, pure: tokens, payloads, and the conditions and tags that replace them. No I/O, no storage.

https://www.mongodb.com/docs/manual/core/queryable-encryption/
"""
