"""secantus-conformance: runs independent test suites against any server that speaks MongoDB's wire protocol, and reports which tests
pass.
"""
