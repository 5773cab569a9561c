"""A browser console for a MongoDB server. It talks to the server only as a client, through pymongo.

`secantusdb --console` and `SecantusDBServer(console=True)` run the console in its own process; `secantusdb-admin` runs it for any server.
The server's process imports nothing from this package.
"""
