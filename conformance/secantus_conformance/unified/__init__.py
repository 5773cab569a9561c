"""A runner for the unified test format: https://github.com/mongodb/specifications/tree/master/source/unified-test-format"""
