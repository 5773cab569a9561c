"""Parameters, running operations, the plan cache, maintenance."""
