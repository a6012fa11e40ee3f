"""Who may look at the page: as anywhere."""

from daemon.access import Door, is_loopback

__all__ = ["Door", "is_loopback"]
