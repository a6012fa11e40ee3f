"""A show that runs itself: what is on when, for months and with nobody there."""
