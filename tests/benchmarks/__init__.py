"""Benchmarks that print the ratios of our server's times to those of the fastest possible server and of a peer (a comparable server).

Run ``python -m tests.benchmarks`` from the top of the repository. ``--help`` lists the options. ``README.md`` in this directory describes
what is measured and how.
"""
