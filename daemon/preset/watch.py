"""Presets taken up while everything runs: written in an editor, copied into the folder, deleted; and those saved."""

import asyncio
from collections.abc import Callable

from daemon.errors import BadInput
from daemon.preset.bank import Bank, Save
from daemon.preset.folder import look

_EVERY = 0.5  # s between two looks; a file is read at the second one that finds it as it is


class PresetWatcher:
    """A service that keeps a bank and the user's folder alike. Files are read and written aside, one after the other.

    The bank is changed on the loop.
    """

    name = "presets"

    def __init__(
        self,
        bank: Bank,
        on_change: Callable[[tuple[str, ...]], None],
        on_fault: Callable[[str], None],
        on_unsaved: Callable[[str], None] = lambda _: None,
        every: float = _EVERY,
    ) -> None:
        """`on_change`: told the names whose params are new, which may be none; the bank is another by then.

        `on_fault`: told the sentence of each file that cannot be used, once for each time it was written, or that
        could not be written. `on_unsaved`: told the name of that.
        """
        self._bank, self._on_change, self._on_fault, self._every = bank, on_change, on_fault, every
        self._on_unsaved = on_unsaved
        # why the folder could not be read at the last look, which at the start is its one fault
        self._blind = str(bank.faults[-1]) if bank.faults else ""
        self._saved = asyncio.Event()
        bank.on_save = self._saved.set

    async def run(self) -> None:
        """Look and write until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._write())
            while True:
                await asyncio.sleep(self._every)
                await self.look()

    def finish(self) -> None:
        """Write what is still unwritten, here and now: nothing runs any more."""
        while (save := self._bank.unwritten) is not None:
            try:
                self._bank.settle(save, save.write())
            except BadInput as fault:
                self._fail(save, fault)

    async def _write(self) -> None:
        while True:
            self._saved.clear()
            while (save := self._bank.unwritten) is not None:
                try:
                    self._bank.settle(save, await asyncio.to_thread(save.write))
                except BadInput as fault:
                    self._fail(save, fault)
            await self._saved.wait()

    def _fail(self, save: Save, fault: BadInput) -> None:
        self._bank.settle(save, None)
        self._on_unsaved(save.preset.name)
        self._on_fault(str(fault))

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
