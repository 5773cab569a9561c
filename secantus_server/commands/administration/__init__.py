"""The commands on parameters, running operations, the plan cache and maintenance."""
