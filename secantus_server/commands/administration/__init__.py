"""The administration commands: parameters, running operations, the plan cache, backups and maintenance."""
