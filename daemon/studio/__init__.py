"""The artist's bench: what is trained for live, offline."""
