# Intentionally empty: only compiled modules use this module.
