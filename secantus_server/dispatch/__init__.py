"""Command dispatch: registry, arguments, the request, the server's services, interceptors, and the unit of work."""
