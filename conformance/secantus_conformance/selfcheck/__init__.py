"""The runner's self-check: input that must be refused, tests that must fail, and mutants that must be caught."""
