"""Builds stylegan3/kernels/fused.cpp beside its source: part of `pip install`, or by hand with `python hatch_build.py`.

The compiler is zig's, which comes as a wheel and needs nothing installed; without it the system's. Without either the
package works too, in plain PyTorch and slower, and one line says so. zig also builds for machines other than its own:
tools/make_wheels.py asks for that with LATENTD_WHEEL.
"""

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand
    BuildHookInterface = object  # type: ignore[assignment,misc]

ROOT = Path(__file__).resolve().parent
SOURCE = ROOT / "stylegan3" / "kernels" / "fused.cpp"
# name: (zig's flags, gcc's and clang's flags); fused.py chooses among them when it runs
X86 = {
    "avx512": (["-mcpu=x86_64_v4", "-mprefer-vector-width=512"], ["-march=x86-64-v4", "-mprefer-vector-width=512"]),
    "avx2": (["-mcpu=x86_64_v3"], ["-march=x86-64-v3"]),
    "portable": (["-mcpu=baseline"], []),
}
OTHER: dict[str, tuple[list[str], list[str]]] = {"portable": (["-mcpu=baseline"], [])}
COMPILE = [
    "-x", "c++", "-std=c++17", "-O3", "-fno-exceptions", "-fno-rtti", "-fno-math-errno", "-ffp-contract=fast",
    "-fvisibility=hidden", "-Wno-psabi", "-c",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Platform:
    """Where libraries run: the platform part of a wheel's tag, and zig's name of the same."""

    tag: str
    target: str

    @property
    def suffix(self) -> str:
        return ".dll" if self.tag.startswith("win") else ".dylib" if self.tag.startswith("macosx") else ".so"

    @property
    def flags(self) -> list[str]:
        return {".dll": [], ".dylib": ["-fPIC"], ".so": ["-fPIC", "-pthread"]}[self.suffix]

    @property
    def builds(self) -> dict[str, tuple[list[str], list[str]]]:
        return X86 if self.tag.endswith(("x86_64", "amd64")) else OTHER


# what is released; glibc 2.17 and macOS 11 are the oldest that PyTorch's own wheels ask for or less
RELEASED = (
    Platform("manylinux_2_17_x86_64.manylinux2014_x86_64", "x86_64-linux-gnu.2.17"),
    Platform("manylinux_2_17_aarch64.manylinux2014_aarch64", "aarch64-linux-gnu.2.17"),
    Platform("win_amd64", "x86_64-windows-gnu"),
    Platform("macosx_11_0_arm64", "aarch64-macos.11.0"),
    Platform("macosx_11_0_x86_64", "x86_64-macos.11.0"),
)


def here() -> Platform:
    """The machine of this Python; `linux_*` says that the library was built against this machine's own C library."""
    if sys.platform == "darwin":  # Python may be of both kinds of processor, a library is of one
        return next(p for p in RELEASED if p.tag == f"macosx_11_0_{platform.machine()}")
    return Platform(sysconfig.get_platform().replace("-", "_").replace(".", "_"), "native")


def build(of: Platform, folder: Path) -> list[Path]:
    """Libraries, built where they are missing or older than their source; fewer than all when a compiler refuses."""
    compilers = _compilers(of)
    if not compilers:
        _say("no C++ compiler found (pip install ziglang brings one): pictures are made in plain PyTorch, slowly")
    newest = max(path.stat().st_mtime for path in (*SOURCE.parent.glob("*.[ch]*"), Path(__file__)))
    built = []
    for name, own in of.builds.items():
        target = folder / f"fused-{name}{of.suffix}"
        fresh = target.exists() and target.stat().st_mtime >= newest
        if fresh or any(_make(compiler, [*own[which], *of.flags], target) for which, compiler in compilers):
            built.append(target)
    return built


def _compilers(of: Platform) -> list[tuple[int, list[list[str]]]]:
    """Commands that compile and that link, and which flags they take."""
    found = []
    if importlib.util.find_spec("ziglang"):
        zig = [sys.executable, "-m", "ziglang", "c++", "-target", of.target]
        # linked for the plainest processor: zig makes a C runtime for each it is asked for, a minute for Windows's
        link = [*zig, "-mcpu=baseline", "-nostdlib++", "-s", "-shared"]
        found.append((0, [[*zig, "-fno-sanitize=undefined", *COMPILE], link]))
    system = os.environ.get("CC") or next((c for c in ("cc", "gcc", "clang") if shutil.which(c)), None)
    if system and sys.platform != "win32" and of == here():
        found.append((1, [[*system.split(), *COMPILE], [*system.split(), "-shared"]]))
    return found


def _make(compiler: list[list[str]], flags: list[str], target: Path) -> bool:
    compile_, link = compiler
    threads = [flag for flag in flags if flag == "-pthread"]
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / target.name
        for command in (
            [*compile_, *flags, str(SOURCE), "-o", "fused.o"],
            [*link, *threads, "fused.o", "-o", target.name],
        ):
            try:  # in that folder: for Windows zig leaves an import library where it stands
                done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
            except (OSError, subprocess.TimeoutExpired) as e:
                _say(f"{target.name}: {e}")
                return False
            if done.returncode:
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
        asked = os.environ.get("LATENTD_WHEEL")
        of = next(p for p in RELEASED if p.tag == asked) if asked else here()
        folder = ROOT / "build" / "kernels" / of.tag if asked else SOURCE.parent
        folder.mkdir(parents=True, exist_ok=True)
        libraries = build(of, folder)
        if asked and len(libraries) < len(of.builds):
            raise RuntimeError(f"a wheel for {asked} needs all of its libraries")
        if libraries and version != "editable":
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{of.tag}"
            build_data["force_include"].update({str(path): f"stylegan3/kernels/{path.name}" for path in libraries})


if __name__ == "__main__":
    for path in build(here(), SOURCE.parent):
        _say(f"{path.name} is there")
