"""A web console for a MongoDB server, to which it connects only as a client, through pymongo.

`secantusdb --console` and `SecantusDBServer(console=True)` run the console in a separate process. `secantusdb-admin` runs it for any
server. The server process imports nothing from this package.
"""
