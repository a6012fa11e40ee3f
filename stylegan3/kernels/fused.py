"""Not yet."""

from typing import Any

from stylegan3.generator import Generator


def prepare(G: Generator, threads: int) -> Any:
    return None
