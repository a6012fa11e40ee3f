"""Artistic state: what a preset file holds, the bank they are recalled from, and its watch over the folder."""

from daemon.preset.asked import Asked
from daemon.preset.bank import Bank
from daemon.preset.file import (
    RULE,
    Preset,
    load,
    nameable,
    params_of,
    plain,
    schema,
    store,
)
from daemon.preset.form import PresetFile, StateFile
from daemon.preset.migrate import VERSION, upgraded
from daemon.preset.watch import PresetWatcher

__all__ = [
    "RULE",
    "VERSION",
    "Asked",
    "Bank",
    "Preset",
    "PresetFile",
    "PresetWatcher",
    "StateFile",
    "load",
    "nameable",
    "params_of",
    "plain",
    "schema",
    "store",
    "upgraded",
]
