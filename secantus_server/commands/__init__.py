"""The commands, one module each, grouped into packages. Code that several commands share is in the package `work`."""
