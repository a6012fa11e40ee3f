# ruff: noqa: N803, N806, T201 - G is what the paper and its users call a generator
"""The fused kernel on other machines: built for each released platform, run where an emulator is, held against PyTorch.

Run it as `python tests/bench/foreign_kernels.py [--platform aarch64] [--only lumen]`: JSON out, exit 1 when a picture
is wrong. arm64 needs qemu-user and an arm64 C library (Debian: qemu-user, libc6-arm64-cross), Windows needs
wine (Debian: wine64); macOS is built only, nothing runs it here. What is not there is said.
"""

import argparse
import ctypes
import json
import os
import platform
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "stylegan3")]

import stylegan3  # noqa: E402
from hatch_build import RELEASED, Platform, build, here  # noqa: E402
from stylegan3 import Generator  # noqa: E402
from stylegan3.kernels import fused  # noqa: E402

PROGRAM = Path(__file__).with_suffix(".cpp")
PICTURES = 3
HEAD = struct.Struct("<9q")  # the program's Head


def networks() -> dict[str, Generator]:
    """T with odd channel counts, R, filters of four taps, layers that are deaf to w, and the goldens of the tests."""
    from test_kernels import CONFIGS, network

    small = {f"{c.variant} {c.img_resolution} px, {c.channel_max} channels": network(c) for c in CONFIGS}
    small["deaf"] = network(CONFIGS[1])
    for part in (small["deaf"].synthesis.input, *small["deaf"].synthesis.layers[:3]):
        part.affine.weight.zero_()
    golden = {p.stem: stylegan3.load(p) for p in sorted((ROOT / "tests" / "golden").glob("sg3*.pkl"))}
    lumen = {"lumen": stylegan3.load(ROOT / "daemon" / "assets" / "models" / "lumen.safetensors")}
    return {name: G for name, G in (small | golden | lumen).items() if fused.knows(G)}


def dump(G: Generator, ws: np.ndarray) -> bytes:
    """A network and latents in one piece, pointers as offsets into it; 64-bit systems agree on the layout."""
    with torch.inference_mode():
        desc, kept = fused._describe(G, G.synthesis, 1)
    blob, pointers = bytearray(HEAD.size), []

    def put(data: bytes) -> int:
        blob.extend(bytes(-len(blob) % 64))
        blob.extend(data)
        return len(blob) - len(data)

    where = {t.data_ptr(): put(t.numpy().tobytes()) for t in kept}

    def put_struct(of: ctypes.Structure, known: dict[str, int]) -> bytes:
        data = bytearray(bytes(of))
        for name, kind in of._fields_:
            if issubclass(kind, ctypes._Pointer):
                address = ctypes.cast(getattr(of, name), ctypes.c_void_p).value
                at = known[name] if name in known else where[address] if address else 0
                struct.pack_into("<q", data, getattr(type(of), name).offset, at)
        return bytes(data)

    def offsets(kind: type[ctypes.Structure], of: ctypes.Structure, at: int) -> list[int]:
        fields = ((name, getattr(kind, name).offset) for name, t in kind._fields_ if issubclass(t, ctypes._Pointer))
        return [at + offset for name, offset in fields if getattr(of, name)]

    layers = [desc.layers[i] for i in range(desc.nlayers)]
    layers_at = put(b"".join(put_struct(layer, {}) for layer in layers))
    for i, layer in enumerate(layers):
        pointers += offsets(fused._LayerDesc, layer, layers_at + i * ctypes.sizeof(fused._LayerDesc))
    net_at = put(put_struct(desc, {"layers": layers_at}))
    pointers += offsets(fused._NetDesc, desc, net_at)
    transform_at = put(G.synthesis.input.transform.numpy().astype(np.float32).tobytes())
    ws_at = put(ws.tobytes())
    pointers_at = put(struct.pack(f"<{len(pointers)}q", *pointers))
    HEAD.pack_into(
        blob, 0, len(pointers), pointers_at, net_at, net_at + fused._NetDesc.threads.offset, transform_at,
        len(ws), ws_at, ws[0].size, G.img_resolution,
    )  # fmt: skip
    return bytes(blob)


def seconds(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(command: list[str], env: dict[str, str]) -> dict[str, object]:
    """What the program says of itself, and the processor time it took in two seconds of doing nothing."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        line = child.stdout.readline()
        if not line:
            return {"failed": child.stderr.read().strip() or f"exit {child.wait()}"}
        began = seconds(child.pid)
        said = json.loads(line)
        while child.poll() is None:
            last = seconds(child.pid)
            try:
                child.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
        return {**said, "idle_cpu_s": round(last - began, 2), "exit": child.returncode}


def runners(args: argparse.Namespace) -> dict[str, list[str] | str]:
    """How each platform's programs start here, or why they do not."""
    qemu = shutil.which(args.qemu)
    wine = shutil.which(args.wine) or next(iter(Path("/usr/lib/wine").glob("wine64")), None)
    arm: list[str] | str = f"{args.qemu} is not there"
    if qemu:
        arm = [qemu, "-L", args.sysroot] if Path(args.sysroot).exists() else f"{args.sysroot} is not there"
    return {
        "x86_64-linux-gnu.2.17": [] if platform.machine() == "x86_64" else "not this machine",
        "aarch64-linux-gnu.2.17": arm if platform.machine() != "aarch64" else [],
        "x86_64-windows-gnu": [str(wine)] if wine else f"{args.wine} is not there",
    }


def program(of: Platform, folder: Path) -> Path:
    made = folder / ("run.exe" if of.suffix == ".dll" else "run")
    command = [sys.executable, "-m", "ziglang", "c++", "-target", of.target, "-O2", "-std=c++17", "-s"]
    links = [] if of.suffix == ".dll" else ["-ldl", "-pthread"]
    subprocess.run([*command, str(PROGRAM), "-o", str(made), *links], check=True, cwd=folder)
    return made


def unpack(wheels: Path, of: Platform, folder: Path) -> list[Path]:
    """The libraries that a wheel carries."""
    found = [folder / f"fused-{name}{of.suffix}" for name in of.builds]
    with zipfile.ZipFile(next(wheels.glob(f"*-{of.tag}.whl"))) as wheel:
        for library in found:
            library.write_bytes(wheel.read(f"stylegan3/kernels/{library.name}"))
    return found


def able(build: str) -> bool:
    flags = Path("/proc/cpuinfo").read_text()
    return {"avx512": "avx512vl" in flags, "avx2": "avx2" in flags}.get(build, True)


def hold(said: dict[str, object], got: np.ndarray, want: np.ndarray, ours: np.ndarray | None, painters: int) -> bool:
    """Adds what a run's pictures are worth to what it said; whether all of it is as it must be."""
    said["error"] = float(f"{np.abs(got - want).max() / want.std():.2e}")
    if ours is not None:
        said["same_bits_as_here"] = bool(np.array_equal(got, ours))
    good = said["opaque"] and said["same_bits"] and said["alike"] and said["painters"] == 3 * painters
    return bool(good) and said["idle_cpu_s"] < 0.2 and said["error"] < 2e-5 and said["exit"] == 0


def cases(folder: Path, only: str) -> dict[str, tuple[Path, np.ndarray, np.ndarray | None]]:
    """Each network as a file, its pictures in float64, and as the fastest kernel of this machine makes them."""
    found = {}
    for name, G in networks().items():
        if only not in name:
            continue
        ws = np.random.default_rng(7).standard_normal((PICTURES, G.num_ws, G.w_dim)).astype(np.float32)
        path = folder / f"{len(found)}.net"
        path.write_bytes(dump(G, ws))
        fast = fused.FusedPainter(fused.builds()[0], G, 2) if fused.builds() else None
        ours = np.stack([fast.image(w).numpy().copy() for w in ws]) if fast else None
        exact = G.double().synthesis
        found[name] = path, np.stack([exact(torch.from_numpy(w)[None].double())[0].numpy() for w in ws]), ours
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wine", default="wine64")
    parser.add_argument("--qemu", default="qemu-aarch64")
    parser.add_argument("--sysroot", default="/usr/aarch64-linux-gnu")
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--painters", type=int, default=7, help="that each of three threads makes and drops")
    parser.add_argument("--wheels", type=Path, help="take the libraries out of tools/make_wheels.py's wheels")
    parser.add_argument("--platform", default="", help="platforms with this in their name")
    parser.add_argument("--only", default="", help="networks with this in their name")
    args = parser.parse_args()
    report: dict[str, object] = {"on": here().tag, "torch": torch.__version__}
    bad = False
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, torch.inference_mode():
        folder = Path(name)
        env = {**os.environ, "WINEPREFIX": str(folder / "wine"), "WINEDEBUG": "-all", "DISPLAY": ""}
        held = cases(folder, args.only)
        for of in (p for p in RELEASED if args.platform in p.target):
            where = folder / of.target
            where.mkdir()
            libraries = unpack(args.wheels, of, where) if args.wheels else build(of, where)
            bad |= len(libraries) < len(of.builds)
            start = runners(args).get(of.target, "nothing here runs it")
            results: dict[str, object] = {"built": [p.name for p in libraries]}
            report[of.target] = results
            if isinstance(start, str):
                results["not run"] = start
                continue
            runs = program(of, where)
            for library in libraries:
                if not able(library.stem.removeprefix("fused-")):
                    results[library.name] = "not run: this processor has not got it"
                    continue
                results[library.name] = of_library = {}
                for case, (net, want, ours) in held.items():
                    out = where / "out"
                    counts = [str(args.threads), str(args.painters)]
                    said = run([*start, str(runs), str(library), str(net), str(out), *counts], env)
                    of_library[case] = said
                    good = "failed" not in said and hold(
                        said, np.fromfile(out, np.float32).reshape(want.shape), want, ours, args.painters
                    )
                    bad |= not good
                    print(of.target, library.name, case, said, file=sys.stderr, flush=True)
        server = Path("/usr/lib/wine/wineserver")
        if server.exists():  # it outlives its programs, and this folder is its home
            subprocess.run([str(server), "-k"], env=env, check=False, capture_output=True)
    print(json.dumps(report, indent=1))
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
