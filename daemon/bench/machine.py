"""What a measurement was made on."""

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from daemon import __version__
from daemon.bench.report import Versions


def versions(cores: int) -> Versions:
    """Now, on this machine; ask before measuring, for the load it then has."""
    return Versions(
        latentd=__version__,
        python=platform.python_version(),
        torch=torch.__version__,
        numpy=np.__version__,
        cpu=_cpu(),
        isa=torch.backends.cpu.get_cpu_capability(),
        cores=cores,
        memory_gb=_memory_gb(),
        os=_os(),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        load=os.getloadavg() if hasattr(os, "getloadavg") else None,
    )


def _cpu() -> str:
    """Its name; where it has a common one, family and model as well."""
    said = dict(re.findall(r"^(model name|cpu family|model)\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE))
    if "model name" not in said:
        return platform.processor() or platform.machine()
    return f"{said['model name']} (family {said.get('cpu family', '?')}, model {said.get('model', '?')})"


def _memory_gb() -> float | None:
    found = re.search(r"^MemTotal:\s+(\d+) kB$", _read("/proc/meminfo"), re.MULTILINE)
    return round(int(found[1]) * 1024 / 1e9, 1) if found else None


def _os() -> str:
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {platform.system()} {platform.release()}"
    except (OSError, KeyError):
        return platform.platform()


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
