"""The network code: the listener, the byte transports, and `Connection`, which runs commands from messages and sends the replies."""
