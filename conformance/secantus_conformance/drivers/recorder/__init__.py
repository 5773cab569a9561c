"""A folder that contains only the plugin. The suite's environment adds it to its path, where no other module of ours must appear."""
