"""Presets taken up while everything runs: written in an editor, copied into the folder, deleted."""

import asyncio
from collections.abc import Callable

from daemon.errors import BadInput
from daemon.preset.bank import Bank
from daemon.preset.folder import look

_EVERY = 0.5  # s between two looks; a file is read at the second one that finds it as it is


class PresetWatcher:
    """A service that keeps a bank up with the user's folder. Files are read aside, the bank is changed on the loop."""

    name = "presets"

    def __init__(
        self,
        bank: Bank,
        on_change: Callable[[tuple[str, ...]], None],
        on_fault: Callable[[str], None],
        every: float = _EVERY,
    ) -> None:
        """`on_change`: told the names whose params are new, which may be none; the bank is another by then.

        `on_fault`: told the sentence of each file that cannot be used, once for each time it was written.
        """
        self._bank, self._on_change, self._on_fault, self._every = bank, on_change, on_fault, every
        self._blind = ""  # why the folder could not be read at the last look

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(self._every)
            await self.look()

    async def look(self) -> None:
        """Look once."""
        before = self._bank.seen
        try:
            found = await asyncio.to_thread(look, self._bank.folder, before.entries, patient=True)
        except BadInput as blind:  # a drive that is gone for a while: what was read stays
            if str(blind) != self._blind:
                self._on_fault(str(blind))
            self._blind = str(blind)
            return
        self._blind = ""
        if self._bank.seen is not before:  # saved meanwhile, so this is no news
            return
        for fault in found.faults:
            self._on_fault(str(fault))
        changed = self._bank.take(found)
        if changed is not None:
            self._on_change(changed)
