"""What is done around a command: one file for each interceptor."""
