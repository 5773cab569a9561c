"""A folder with nothing but the plugin: it is put on the path of another environment, where our other names must not be."""
