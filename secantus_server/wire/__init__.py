"""The wire protocol, without any input or output: bytes to messages and back."""
