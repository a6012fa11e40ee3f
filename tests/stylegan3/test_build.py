"""The kernel for other machines: it compiles, needs nothing but a C library, and its wheels carry the right names."""

import importlib.util
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging import tags

import hatch_build
from stylegan3.gpu import fir
from tools import make_wheels

INTERFACE = {"sg3_abi", "sg3_create", "sg3_destroy", "sg3_phases", "sg3_render", "sg3_time"}
C_LIBRARY = {"calloc", "malloc", "realloc", "free", "memcpy", "memset", "clock_gettime", "sched_yield"}
WINDOWS = {
    "___chkstk_ms",
    "AcquireSRWLockExclusive",
    "ReleaseSRWLockExclusive",
}  # the first for what is large on the stack
ARM, WIN = (next(p for p in hatch_build.RELEASED if p.tag.startswith(t)) for t in ("manylinux_2_17_aarch64", "win_"))


def assembly(of: hatch_build.Platform, folder: Path) -> str:
    if not importlib.util.find_spec("ziglang"):
        pytest.skip("no cross compiler: pip install ziglang")
    (_, [compile_, _link]) = hatch_build._compilers(of)[0]
    made = folder / "fused.s"
    flags = [*of.builds["portable"][0], *of.flags, "-S", "-g0", str(hatch_build.SOURCE), "-o", str(made)]
    subprocess.run([*compile_, *flags], check=True, cwd=folder, capture_output=True, timeout=50)
    return made.read_text()


def calls_out_of(text: str) -> set[str]:
    defined = set(re.findall(r"^(\w+):", text, re.MULTILINE))
    called = set(re.findall(r"^\s+(?:bl|b|callq?|jmp)\s+(\w+)(?:@PLT)?\s*(?:$|[#/@])", text, re.MULTILINE))
    return called - defined


def test_on_arm64_it_fuses_products_and_sums_and_needs_only_a_c_library(tmp_path: Path) -> None:
    text = assembly(ARM, tmp_path)
    shown, hidden = (set(re.findall(rf"^\s+\.{d}\s+(\w+)", text, re.MULTILINE)) for d in ("globl", "hidden"))
    assert shown - hidden == INTERFACE
    assert {c for c in calls_out_of(text) if not c.startswith("pthread_")} <= C_LIBRARY
    blocks = re.split(r"^\.L\w+:", text, flags=re.MULTILINE)
    loops = [b for b in blocks if b.count("\tfmla") == 24 and b.count("\n") < 60 and "\tfmul" not in b]
    assert loops  # a product's: four outputs of four channels for each of six pixels
    for loop in loops:
        assert loop.count(".s[0]") >= 20  # inputs are taken as one lane: no instruction is spent on spreading them
        assert "[sp" not in loop  # and the sums stay in registers


def test_for_windows_it_needs_only_the_c_runtime_and_the_kernel(tmp_path: Path) -> None:
    text = assembly(WIN, tmp_path)
    assert set(re.findall(r"-export:(\w+)", text)) == INTERFACE
    assert calls_out_of(text) <= C_LIBRARY | WINDOWS
    assert {"CreateThread", "SleepConditionVariableSRW", "WakeAllConditionVariable"} <= set(
        re.findall(r"__imp_(\w+)", text)
    )


def test_installers_of_each_platform_take_their_wheel() -> None:
    taken = {
        "win_amd64": {"win_amd64"},
        "macosx_11_0_arm64": set(tags.mac_platforms((14, 0), "arm64")),
        "macosx_11_0_x86_64": set(tags.mac_platforms((12, 0), "x86_64")),
    }
    for of in hatch_build.RELEASED:
        if of.tag in taken:
            assert of.tag in taken[of.tag]
        else:  # the glibc of the compiler's target is the one that the tag promises
            assert re.fullmatch(r"(?:x86_64|aarch64)-linux-gnu\.2\.17", of.target)
            assert of.tag.startswith(f"manylinux_2_17_{of.target.split('-')[0]}.manylinux2014_")


def test_this_machines_wheel_installs_on_this_machine() -> None:
    of = hatch_build.here()
    assert of.tag in set(tags.platform_tags())
    assert of.suffix == {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")


def test_a_wheel_carries_what_is_compiled_on_the_users_machine() -> None:
    """The GPU's kernel is text until it runs, and no error before a GPU sees it would tell of its absence."""
    wheel = pytest.importorskip("hatchling.builders.wheel").WheelBuilder(str(hatch_build.ROOT))
    carried = {Path(file.distribution_path).as_posix() for file in wheel.recurse_included_files()}
    texts = [p for suffix in ("cu", "h", "cpp") for p in (hatch_build.ROOT / "stylegan3").rglob(f"*.{suffix}")]
    needed = {path.relative_to(hatch_build.ROOT).as_posix() for path in texts}
    assert {"stylegan3/gpu/fir.cu", "stylegan3/kernels/fused.cpp"} <= needed
    assert needed <= carried
    assert (hatch_build.ROOT / "stylegan3/gpu/fir.cu").read_text(encoding="utf-8") == fir.source()


def test_a_wheel_with_a_library_missing_or_of_another_system_is_named(tmp_path: Path) -> None:
    of = next(p for p in hatch_build.RELEASED if p.tag.startswith("manylinux_2_17_x86_64"))
    wheel = tmp_path / "x.whl"
    with zipfile.ZipFile(wheel, "w") as z:
        z.writestr("stylegan3/kernels/fused-avx512.so", b"\x7fELF...")
        z.writestr("stylegan3/kernels/fused-avx2.so", b"MZ......")
        z.writestr("stylegan3/kernels/fused-portable.dll", b"MZ......")
    assert make_wheels.faults(wheel, of) == [
        "fused-portable.so is missing",
        "fused-portable.dll does not belong there",
        "fused-avx2.so is of another system",
    ]


@pytest.mark.parametrize("of", hatch_build.RELEASED, ids=lambda p: p.target)
def test_a_good_wheel_has_no_faults(tmp_path: Path, of: hatch_build.Platform) -> None:
    wheel = tmp_path / "x.whl"
    with zipfile.ZipFile(wheel, "w") as z:
        for name in of.builds:
            z.writestr(f"stylegan3/kernels/fused-{name}{of.suffix}", make_wheels.MAGIC[of.suffix] + b"...")
    assert not make_wheels.faults(wheel, of)
