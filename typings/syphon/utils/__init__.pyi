"""Empty in the wheel, too."""
