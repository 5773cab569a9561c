"""From a message to a command and its reply: registry, arguments, the request, and what commands share."""
