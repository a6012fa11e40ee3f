"""What was compiled, kept in the user's cache folder: so that a network's second start takes no compiler's time."""

import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

_log = logging.getLogger(__name__)
_LIMIT = 512  # files, 30 kB each: some twenty networks
_LARGEST = 2**24  # bytes of one that is believed
_DIGEST = 32


@dataclass(frozen=True, slots=True)
class Cubins:
    """A folder of compiled kernels, each with its digest in front; one that is damaged counts as missing."""

    folder: Path
    limit: int = _LIMIT

    @classmethod
    def of_the_user(cls) -> "Cubins":
        """Where this user's programs keep what they can make again."""
        return cls(platformdirs.user_cache_path("latentd", appauthor=False) / "cubins")

    def get(self, key: Sequence[str], make: Callable[[], bytes]) -> bytes:
        """What was made for this key before, or what `make` makes now; a folder that cannot be used is passed over."""
        name = hashlib.sha256("\0".join(f"{len(part)}:{part}" for part in key).encode()).hexdigest()
        path = self.folder / f"{name}.cubin"
        found = _read(path)
        if found is not None:
            with contextlib.suppress(OSError):
                path.touch()  # the oldest are dropped first
            return found
        made = make()
        try:
            self._keep(path, made)
        except OSError as e:
            _log.debug("compiled kernels are not kept: %s", e)
        return made

    def _keep(self, path: Path, made: bytes) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=self.folder, suffix=".new")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(hashlib.sha256(made).digest() + made)
            Path(beside).replace(path)
        except OSError:
            Path(beside).unlink(missing_ok=True)
            raise
        for old in sorted(self.folder.glob("*.*"), key=_age, reverse=True)[self.limit :]:
            old.unlink(missing_ok=True)


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another process dropped it
        return 0.0


def _read(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            held = file.read(_LARGEST + 1)
    except OSError:
        return None
    whole = _DIGEST < len(held) <= _LARGEST and hashlib.sha256(held[_DIGEST:]).digest() == held[:_DIGEST]
    return held[_DIGEST:] if whole else None
