"""What a message may lead to, besides a change of state."""

from dataclasses import dataclass
from typing import TypeAlias

from daemon.control.refusal import Refusal


@dataclass(frozen=True, slots=True)
class Told:
    """Say the present values of these addresses."""

    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Subscription:
    """Tell everything from now on; None is the sender's own."""

    port: int | None
    host: str | None


@dataclass(frozen=True, slots=True)
class Pong:
    """Send the arguments back as they came."""

    tail: bytes


Answer: TypeAlias = Told | Subscription | Pong
Outcome: TypeAlias = Answer | Refusal | None
"""None: applied, and there is nothing to say."""
