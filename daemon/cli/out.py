"""How commands answer: data as JSON, tables for people."""

import json
import sys
from collections.abc import Sequence

from daemon.errors import LatentdError


def print_json(data: object) -> None:
    """Data only, to stdout."""
    sys.stdout.write(json.dumps(data, indent=2) + "\n")


def print_table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]], nothing: str) -> None:
    """A table to stdout; `LatentdError` with `nothing` when it has no rows."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        raise LatentdError(nothing)
    table = Table(*heads, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
