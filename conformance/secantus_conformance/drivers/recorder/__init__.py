"""A folder that contains only the plugin. The suite's environment adds it to its path, where our other module names must not appear."""
