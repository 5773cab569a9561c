"""Benchmarks: a table of ratios to the fastest possible server and to a peer.

Run ``python -m tests.benchmarks`` from the top of the repository. ``--help`` lists the options. ``README.md`` in this directory says what
is measured and how.
"""
