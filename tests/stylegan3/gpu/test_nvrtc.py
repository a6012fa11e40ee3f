"""Finding, compiling, keeping and loading; with the real NVRTC where its wheel is."""

import ctypes
import os
import sys
import threading
import types
from pathlib import Path

import cuda_host
import pytest
import torch

from stylegan3.errors import EngineError
from stylegan3.gpu import fir, nvrtc
from stylegan3.gpu.cubins import Cubins
from stylegan3.gpu.tiling import defines, tile
from tools.gpu_kernels import RESIDENT, usage

TINY = 'extern "C" __global__ void add(float* x) { x[threadIdx.x] += ONE; }'


@pytest.fixture
def compiler():
    try:
        return nvrtc.compiler()
    except EngineError as e:
        pytest.skip(str(e))


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


@pytest.mark.skipif(sys.platform == "win32", reason="names of Linux")
def test_nvrtc_is_found_in_every_wheel_that_brought_it_and_pytorchs_version_comes_first(tmp_path):
    nvidia, lib = tmp_path / "nvidia", tmp_path / "torch" / "lib"
    of12, of13 = nvidia / "cuda_nvrtc" / "lib" / "libnvrtc.so.12", nvidia / "cu13" / "lib" / "libnvrtc.so.13"
    inside = lib / "libnvrtc-3a20f2b6.so.11.2"
    touch(of12.with_name("libnvrtc.alt.so.12"), of12.with_name("libnvrtc-builtins.alt.so.12.8"))
    touch(of12, of13, inside, nvidia / "cu13" / "lib" / "libnvrtc-builtins.so.13.5", lib / "libtorch.so")
    assert next(nvrtc.candidates((lib, nvidia), "13")) == of13
    assert next(nvrtc.candidates((lib, nvidia), "12")) == of12
    assert set(nvrtc.candidates((lib, nvidia), "14")) == {of12, of13, inside}


def test_nvrtc_is_found_under_its_windows_names(tmp_path, monkeypatch):
    monkeypatch.setattr(nvrtc, "_PATTERN", "nvrtc64_*_0.dll")
    nvidia, lib = tmp_path / "nvidia", tmp_path / "torch" / "lib"
    of12, of13 = lib / "nvrtc64_120_0.dll", nvidia / "cu13" / "bin" / "x86_64" / "nvrtc64_130_0.dll"
    touch(of12, of13, lib / "nvrtc-builtins64_129.dll", lib / "nvrtc64_120_0.alt.dll")
    assert list(nvrtc.candidates((lib, nvidia), "13")) == [of13, of12]
    assert list(nvrtc.candidates((lib, nvidia), "12")) == [of12, of13]


def test_without_nvrtc_one_sentence_says_what_brings_it(monkeypatch, tmp_path):
    nvrtc.compiler.cache_clear()
    monkeypatch.setattr(nvrtc, "wheels", lambda: (tmp_path,))
    monkeypatch.setattr(nvrtc, "elsewhere", lambda major: Path(f"libnvrtc-of-nobody.so.{major}"))
    with pytest.raises(EngineError, match="pip install nvidia-cuda-nvrtc"):
        nvrtc.compiler()


def test_nvrtc_of_the_system_or_of_conda_is_taken_where_no_wheel_brought_one(monkeypatch, tmp_path):
    asked = []

    class Found:
        def __init__(self, path):
            asked.append(path)

    monkeypatch.setattr(nvrtc, "wheels", lambda: (tmp_path,))
    monkeypatch.setattr(nvrtc, "Compiler", Found)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    nvrtc.compiler.cache_clear()
    try:
        assert isinstance(nvrtc.compiler(), Found)
    finally:
        nvrtc.compiler.cache_clear()
    assert [path.name for path in asked] == ["nvrtc64_120_0.dll" if sys.platform == "win32" else "libnvrtc.so.12"]
    assert not asked[0].is_absolute()  # so nothing is loaded from the folder one is in


def test_a_library_that_is_none_is_one_sentence(tmp_path):
    broken = tmp_path / "libnvrtc.so.13"
    broken.write_bytes(b"\x7fELF, but no more")
    with pytest.raises(EngineError, match=r"libnvrtc\.so\.13 does not load"):
        nvrtc.Compiler(broken)
    with pytest.raises(EngineError, match="no CUDA driver"):
        nvrtc.Driver(broken)


def test_text_becomes_code_for_the_device_or_ptx_where_it_is_newer_than_nvrtc(compiler):
    assert compiler.target(90) == "sm_90"
    assert compiler.target(999) == f"compute_{max(compiler.architectures)}"
    with pytest.raises(EngineError, match="compute capability 2"):
        compiler.target(20)
    image, _ = compiler.compile(TINY, "sm_90", ["-DONE=1.f"])
    assert image.startswith(b"\x7fELF")
    ptx, _ = compiler.compile(TINY, "compute_90", ["-DONE=1.f"])
    assert b".visible .entry add" in ptx
    assert (
        b".entry add" in compiler.compile(f"#if __cplusplus >= 201703\n{TINY}\n#endif", "compute_90", ["-DONE=1.f"])[0]
    )


def test_what_does_not_compile_is_one_sentence_with_the_compilers_first_word(compiler):
    with pytest.raises(EngineError, match=r"does not compile for sm_90: .*ONE"):
        compiler.compile(TINY, "sm_90")
    with pytest.raises(EngineError, match="does not compile"):
        compiler.compile(TINY, "sm_1", ["-DONE=1.f"])


@pytest.mark.parametrize(
    ("rates", "target"), [((2, 2, 12, 12, 1, (9, 8)), "sm_80"), ((4, 2, 24, 12, 2, (-2, -5)), "sm_90"),
                          ((2, 2, 12, 12, 3, (11, 10)), "sm_120")], ids=str,
)  # fmt: skip
def test_nothing_spills(compiler, rates, target):
    spec = cuda_host.random_spec(*rates, channels=64, size=64)
    for item in ("half", "float"):
        tiling = tile(spec, 132)
        options = ["--ptxas-options=-v", *defines(spec, tiling, item)]
        used = usage(compiler.compile(fir.source(), target, options)[1])
        assert used.spills == 0
        assert used.stack == 0
        assert used.resident(tiling, target) >= RESIDENT


def test_the_driver_says_why_it_refuses(tmp_path):
    pytest.importorskip("ziglang")
    spec = cuda_host.random_spec(1, 1, 1, 1, 1, (0, 0), size=4)
    cut = tile(spec, 1)
    path = cuda_host.compiled(tmp_path, fir.source(), defines(spec, cut, "float"))
    driver = nvrtc.Driver(path)
    with pytest.raises(EngineError, match="loading fir failed: no kernel image"):
        driver.load(b"\x7fELF", "fir")
    with pytest.raises(EngineError, match="finding fur failed: named symbol not found"):
        driver.load(b"a kernel for the host", "fur")
    kernel = driver.load(b"a kernel for the host", "fir")
    with pytest.raises(EngineError, match="launching fir failed: invalid stream"):
        driver.launch(kernel, cut.grid, cut.threads, 7, ())
    ctypes.c_void_p.in_dll(ctypes.CDLL(str(path)), "expected_stream").value = 7
    with pytest.raises(EngineError, match="launching fir failed: invalid block"):
        driver.launch(kernel, cut.grid, cut.threads + 1, 7, ())


def test_without_a_gpu_one_sentence_says_so():
    spec = cuda_host.random_spec(1, 1, 1, 1, 1, (0, 0), size=4)
    with pytest.raises(EngineError, match="need an NVIDIA GPU"):
        fir.firs([spec], torch.float16, torch.device("cpu"))


class FakeCompiler:
    """Counts, and knows what it was asked for."""

    version = "13.0"

    def __init__(self):
        self.asked = []

    def target(self, architecture):
        assert architecture == 89
        return "sm_89"

    def compile(self, source, target, options):
        self.asked.append((source, target, tuple(options)))
        return b"\x7fELF of " + source.encode() + str(options).encode(), ""


class FakeDriver:
    """Loads in a context alone."""

    version = "13000"

    def __init__(self):
        self.entered = None

    def enter(self, ordinal):
        self.entered = ordinal

    def load(self, image, name):
        assert self.entered == 1
        assert image.startswith(b"\x7fELF of ")
        return nvrtc.Kernel(self, name, ctypes.c_void_p(1), ctypes.c_void_p(2))


@pytest.fixture
def a_gpu(monkeypatch, tmp_path):
    """Makes an nvrtc.Gpu without one, and its compiler."""

    class Entered:
        def __init__(self, device):
            assert device == torch.device("cuda", 1)

        def __enter__(self): ...

        def __exit__(self, *_): ...

    fake, properties = FakeCompiler(), types.SimpleNamespace(major=8, minor=9, multi_processor_count=24)
    monkeypatch.setattr(nvrtc, "compiler", lambda: fake)
    monkeypatch.setattr(nvrtc, "Driver", FakeDriver)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(torch.cuda, "device", Entered)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    return lambda: nvrtc.Gpu(torch.device("cuda"), Cubins(tmp_path)), fake


def test_a_gpu_compiles_once_and_again_only_for_another_text_option_or_driver(a_gpu, monkeypatch):
    gpu, fake = a_gpu
    assert gpu().processors == 24
    assert gpu().device == torch.device("cuda", 1)
    made = gpu()
    assert made.load(made.compile("text", ["-DA=1"]), "fir").name == "fir"
    gpu().compile("text", ["-DA=1"])
    assert fake.asked == [("text", "sm_89", ("-DA=1",))]
    gpu().compile("text ", ["-DA=1"])
    gpu().compile("text", ["-DA=2"])
    monkeypatch.setattr(FakeDriver, "version", "13010")
    gpu().compile("text", ["-DA=1"])
    assert len(fake.asked) == 4


class Together:
    """A machine whose compilations go on only when `count` of them have begun."""

    def __init__(self, count, wrong=()):
        self.barrier, self.wrong, self.began = threading.Barrier(count), wrong, []

    def compile(self, source, options):
        self.began.append(options)
        if options in self.wrong:
            raise EngineError(f"{options[0]} does not compile")
        self.barrier.wait(20)
        return options[0].encode()


def test_kernels_are_compiled_side_by_side_and_what_is_the_same_once(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(3), raising=False)
    machine = Together(3)
    made = nvrtc.compiled(machine, "text", [("a",), ("b",), ("a",), ("c",), ("b",)])
    assert made == {("a",): b"a", ("b",): b"b", ("c",): b"c"}
    assert len(machine.began) == 3


def test_of_many_kernels_that_do_not_compile_the_first_is_told(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(2), raising=False)
    with pytest.raises(EngineError, match=r"^b does not compile"):
        nvrtc.compiled(Together(1, wrong=[("b",), ("c",)]), "text", [(name,) for name in "abcd"])


@pytest.mark.parametrize("current", [None, 77])
def test_a_thread_that_works_in_no_context_is_brought_into_the_one_that_pytorch_has(current):
    class Library:
        """CUDA's driver, of one thread."""

        def __init__(self):
            self.calls = []

        def cuCtxGetCurrent(self, context):  # noqa: N802
            context._obj.value = current
            return 0

        def cuDeviceGet(self, device, ordinal):  # noqa: N802
            device._obj.value = 100 + ordinal.value
            return 0

        def cuDevicePrimaryCtxRetain(self, context, device):  # noqa: N802
            assert device.value == 103
            context._obj.value = 88
            return 0

        def cuCtxSetCurrent(self, context):  # noqa: N802
            self.calls.append(context.value)
            return 0

    driver = object.__new__(nvrtc.Driver)
    driver._library = Library()
    driver.enter(3)
    assert driver._library.calls == ([88] if current is None else [])


def test_what_was_compiled_is_kept_and_what_is_damaged_is_made_again(tmp_path):
    cubins, made = Cubins(tmp_path / "new"), []

    def make():
        made.append(1)
        return b"code"

    assert [cubins.get(("a", "b"), make) for _ in range(2)] == [b"code"] * 2
    assert len(made) == 1
    (path,) = (tmp_path / "new").iterdir()
    for damaged in (b"", path.read_bytes()[:-1], b"x" + path.read_bytes()[1:], path.read_bytes()[:32]):
        path.write_bytes(damaged)
        made.clear()
        assert [cubins.get(("a", "b"), make) for _ in range(2)] == [b"code"] * 2
        assert len(made) == 1
    cubins.get(("ab", ""), make)
    assert len(made) == 2  # parts of a key do not run together


def test_the_oldest_are_dropped(tmp_path):
    cubins = Cubins(tmp_path, limit=3)
    for i in range(5):
        cubins.get((str(i),), lambda i=i: b"code %d" % i)
        for path in tmp_path.iterdir():
            os.utime(path, (path.stat().st_mtime - 10,) * 2)
    assert len(list(tmp_path.iterdir())) == 3
    assert cubins.get(("4",), lambda: b"made again") == b"code 4"
    assert cubins.get(("0",), lambda: b"made again") == b"made again"


def test_a_folder_that_cannot_be_used_costs_only_time(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    cubins = Cubins(tmp_path / "file" / "below")
    assert [cubins.get(("a",), lambda: b"code") for _ in range(2)] == [b"code"] * 2


def test_the_users_folder_is_the_programs_own():
    assert Cubins.of_the_user().folder.parts[-2:] in {("latentd", "cubins"), ("Cache", "cubins")}
