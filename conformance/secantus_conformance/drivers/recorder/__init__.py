"""Plugins that record the outcomes of a suite's tests.

This folder is added to the PYTHONPATH of a pytest suite. It contains nothing but the plugins, so that the suite cannot import any further
module of this project by mistake.
"""
