"""The commands, a file each, in chapters; what several of them need is in work/."""
