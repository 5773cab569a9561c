"""Benchmarks: a table of ratios against the fastest possible server and against a peer.

Run ``python -m tests.benchmarks`` from the top of the repository; ``--help`` lists the options and ``README.md`` beside
this file says what is measured and how.
"""
