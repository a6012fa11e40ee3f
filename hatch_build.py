"""Builds stylegan3/kernels/fused.cpp beside its source: part of `pip install`, or by hand with `python hatch_build.py`.

The compiler is zig's, which comes as a wheel and needs nothing installed; without it the system's. Without either the
package works too, in plain PyTorch and slower, and one line says so.
"""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand
    BuildHookInterface = object  # type: ignore[assignment,misc]

ROOT = Path(__file__).parent
SOURCE = ROOT / "stylegan3" / "kernels" / "fused.cpp"
SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
# name: (zig's flags, gcc's and clang's flags); fused.py chooses among them when it runs
X86 = {
    "avx512": (["-mcpu=x86_64_v4", "-mprefer-vector-width=512"], ["-march=x86-64-v4", "-mprefer-vector-width=512"]),
    "avx2": (["-mcpu=x86_64_v3"], ["-march=x86-64-v3"]),
    "portable": (["-mcpu=baseline"], []),
}
OTHER: dict[str, tuple[list[str], list[str]]] = {"portable": (["-mcpu=baseline"], [])}
FLAGS = [
    "-x", "c++", "-std=c++17", "-O3", "-shared", "-fno-exceptions", "-fno-rtti", "-fno-math-errno",
    "-ffp-contract=fast",
    "-fvisibility=hidden", "-Wno-psabi",
]  # fmt: skip


def build() -> list[Path]:
    """Libraries, built where they are missing or older than their source; fewer than all when a compiler refuses."""
    compilers = _compilers()
    if not compilers:
        _say("no C++ compiler found (pip install ziglang brings one): pictures are made in plain PyTorch, slowly")
    flags = FLAGS + (["-fPIC"] if sys.platform != "win32" else [])
    flags += ["-pthread"] if sys.platform.startswith("linux") else []
    newest = max(path.stat().st_mtime for path in (*SOURCE.parent.glob("*.[ch]*"), Path(__file__)))
    built = []
    for name, own in (X86 if platform.machine().lower() in ("x86_64", "amd64") else OTHER).items():
        target = SOURCE.with_name(f"fused-{name}{SUFFIX}")
        fresh = target.exists() and target.stat().st_mtime >= newest
        if fresh or any(_compile([*command, *own[which], *flags], target) for which, command in compilers):
            built.append(target)
    return built


def _compilers() -> list[tuple[int, list[str]]]:
    found = []
    if importlib.util.find_spec("ziglang"):
        found.append((0, [sys.executable, "-m", "ziglang", "c++", "-nostdlib++", "-fno-sanitize=undefined"]))
    system = os.environ.get("CC") or next((c for c in ("cc", "gcc", "clang") if shutil.which(c)), None)
    if system and sys.platform != "win32":
        found.append((1, system.split()))
    return found


def _compile(command: list[str], target: Path) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / target.name
        try:
            done = subprocess.run(
                [*command, str(SOURCE), "-o", str(made)], capture_output=True, text=True, timeout=600, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as e:
            _say(f"{target.name}: {e}")
            return False
        if done.returncode or not made.exists():
            _say(f"{target.name}: {(done.stderr.strip().splitlines() or ['no reason given'])[0]}")
            return False
        # beside the target first, so that a process that has the old one loaded keeps it
        beside = target.with_name(f"{target.name}.new")
        shutil.copyfile(made, beside)
        beside.replace(target)
    return True


def _say(text: str) -> None:
    print(f"fused kernel: {text}", file=sys.stderr)  # noqa: T201 - a build speaks on its console


class KernelBuildHook(BuildHookInterface):  # type: ignore[type-arg,unused-ignore]
    """hatchling's: an editable install finds the libraries beside their source, a wheel carries them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        libraries = build()
        if libraries and version != "editable":
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
            build_data["force_include"].update({str(path): f"stylegan3/kernels/{path.name}" for path in libraries})


if __name__ == "__main__":
    for path in build():
        _say(f"{path.name} is there")
