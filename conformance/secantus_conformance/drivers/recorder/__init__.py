"""Plugins that record the outcomes of a suite's tests.

For a pytest suite, this folder is added to PYTHONPATH. It contains nothing else, so that the suite imports no other module of this
project by mistake.
"""
