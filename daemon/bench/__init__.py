"""How fast this machine paints: every engine side by side, against the textbook form and the convolutions alone."""
