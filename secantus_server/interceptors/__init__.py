"""Interceptors, which run before and after commands. Each interceptor has its own module."""
