"""A console for a MongoDB server in the browser. It speaks to the server only as a client, through pymongo.

`secantusdb --console` and `SecantusDBServer(console=True)` run it in a process of its own; `secantusdb-admin` runs it for any server.
Nothing here is imported by the server's process.
"""
