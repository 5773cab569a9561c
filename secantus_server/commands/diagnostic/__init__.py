"""The commands that report on the server, its data and its activity."""
