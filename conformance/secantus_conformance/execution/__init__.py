"""Workers that can be killed, the servers they talk to, and the pool that feeds them."""
