"""The interceptors, which act before and after commands. Each has its own file."""
