"""Interceptors, which act before and after commands; one file each."""
