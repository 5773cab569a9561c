"""Logical sessions with their retryable writes and transactions."""
