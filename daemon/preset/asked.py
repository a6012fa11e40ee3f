"""Which model was asked for, whatever renders in its place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """Models by name, "" for none: what the machine chose by itself, or stepped down to, is nobody's wish."""

    model: str = ""  # the one asked for last, also where it cannot be had
    before: str = ""  # asked for before that, and had: what to go on with where the other cannot be

    def then(self, model: str, current: str) -> "Asked":
        """Somebody asks for a model, while `current` renders."""
        if model in ("", self.model):
            return self
        return Asked(model, self.model if self.model == current else self.before)

    def pinned(self, current: str) -> str:
        """The model that a preset saved now asks for: the one that renders, if anybody ever asked for it."""
        return current if current in (self.model, self.before) else ""
