"""The commands, one file each, grouped into packages. Code that several commands share is in work/."""
