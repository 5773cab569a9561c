"""The runner's self-check: files that must be refused, tests that must fail, tests that must pass, and mutants that must be caught."""
