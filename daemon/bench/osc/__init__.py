"""What OSC traffic does to a running daemon."""
