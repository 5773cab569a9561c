"""The commands, one file each, grouped into packages; code that several commands share is in work/."""
