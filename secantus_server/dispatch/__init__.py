"""Command dispatch: the registry of commands, their arguments, the request, the server's services, the interceptors, and the interface
for executing reads and writes in transactions.
"""
