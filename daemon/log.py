"""Logging: the standard library's, shown by rich on stderr. Counters, not lines, for anything per frame."""

import logging

from rich.console import Console
from rich.logging import RichHandler

console = Console(stderr=True)
"""Where people look; data goes to stdout."""


def configure(verbose: bool = False) -> None:
    """Show our log on stderr."""
    show = RichHandler(console=console, show_path=False, show_time=True, markup=False, rich_tracebacks=False)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", datefmt="%H:%M:%S", handlers=[show], force=True)
    logging.getLogger("daemon").setLevel(logging.DEBUG if verbose else logging.INFO)
