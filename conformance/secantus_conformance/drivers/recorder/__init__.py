"""A folder that contains only the plugin: another environment adds it to its path, where our other module names must not appear."""
