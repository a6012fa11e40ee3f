"""Logging: the standard library's on stderr, drawn by rich on a terminal. Counters, not lines, for anything live."""

import logging
import sys

from rich.console import Console
from rich.logging import RichHandler

console = Console(stderr=True)
"""Where people look; data goes to stdout."""


def configure() -> None:
    """Show our log: for the eye on a terminal, a line a record for a journal."""
    show: logging.Handler
    if console.is_terminal:
        show = RichHandler(console=console, show_path=False, markup=False)
        show.setFormatter(logging.Formatter("%(message)s", "%H:%M:%S"))
    else:
        show = logging.StreamHandler(sys.stderr)
        show.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[show], force=True)
    logging.getLogger("daemon").setLevel(logging.INFO)
