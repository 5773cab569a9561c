"""The proof of the runner itself: what must be refused, what must fail, and mutants that must be caught."""
