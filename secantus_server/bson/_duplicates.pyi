# Only compiled modules use this module.
