"""The wheels of a release for every platform, made on one machine: `python tools/make_wheels.py [DIR]`.

Needs hatchling and ziglang, which compiles for all of them; whoever installs such a wheel needs no compiler. Each is
opened again and held against its name before the command ends well.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from hatch_build import RELEASED, Platform  # noqa: E402

MAGIC = {".so": b"\x7fELF", ".dll": b"MZ", ".dylib": b"\xcf\xfa\xed\xfe"}


def make(of: Platform, folder: Path) -> Path:
    """One wheel; raises what the build raises."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder.resolve())]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "LATENTD_WHEEL": of.tag}, check=True)
    return max(folder.glob(f"*-py3-none-{of.tag}.whl"), key=lambda path: path.stat().st_mtime)


def faults(wheel: Path, of: Platform) -> list[str]:
    """What is wrong with a wheel, in words: a library that is missing, foreign or of another kind."""
    with zipfile.ZipFile(wheel) as z:
        libraries = {Path(n).name: z.read(n)[:4] for n in z.namelist() if Path(n).suffix in MAGIC}
    want = {f"fused-{name}{of.suffix}" for name in of.builds}
    wrong = [f"{name} is missing" for name in sorted(want - libraries.keys())]
    wrong += [f"{name} does not belong there" for name in sorted(libraries.keys() - want)]
    foreign = [name for name in want & libraries.keys() if not libraries[name].startswith(MAGIC[of.suffix])]
    return wrong + [f"{name} is of another system" for name in sorted(foreign)]


def main() -> int:
    """Exit code: 1 when a wheel has a fault."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "dist")
    wrong = 0
    for of in RELEASED:
        wheel = make(of, folder)
        found = faults(wheel, of)
        wrong += bool(found)
        print(f"{wheel.name}: {'; '.join(found) or 'good'}")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
