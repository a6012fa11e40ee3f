"""Spout straight from the GPU, against strict stand-ins for CUDA and OpenGL: it was never run on a GPU."""

import inspect
import logging
import sys
import types
from threading import Thread

import numpy as np
import pytest
from sinks.fake_cuda import GL, Cuda, Error, Gpu, Handle, MemoryType
from sinks.fake_spout import Desk, World

from daemon import parts
from daemon.config import Config
from daemon.flow import FrameFormat, Order
from daemon.sinks.spout import SpoutSink, cuda
from daemon.sinks.spout.cuda import NoZeroCopy, Runtime, address
from daemon.sinks.spout.texture import CudaTexture, _pattern
from daemon.slots import SlotRing

FORMAT = FrameFormat(6, 4, Order.RGBA)


@pytest.fixture
def gl():
    return GL()


@pytest.fixture
def gpu(gl):
    return Cuda(gl)


@pytest.fixture
def world(gl):
    world = World()
    world.cpu_share, world.read = False, gl.read
    return world


@pytest.fixture
def desk(world):
    return Desk(world)


@pytest.fixture
def sink(world, desk, gpu, gl):
    return SpoutSink("latentd", world, desk, zerocopy=True, runtime=gpu, gl=gl)


def painted(gpu, number=0, format=FORMAT):
    slot = SlotRing(1, format, Gpu(gpu)).acquire()
    paint(slot, number)
    return slot


def paint(slot, number):
    slot.page.paint(np.random.default_rng(number).integers(0, 256, slot.pixels.shape, np.uint8))


def test_the_pictures_in_the_texture_are_those_on_the_gpu_and_the_right_way_up(sink, world, gpu):
    slot = painted(gpu)
    sink.open(FORMAT)
    for number in range(3):
        paint(slot, number)
        assert sink.publish(slot)
    expected = []
    for number in range(3):
        paint(slot, number)
        expected.append(("latentd", 5, slot.pixels.tobytes(), False))
    assert world.textures == expected
    assert world.images == []
    assert sink.about == "latentd, texture share, zero copy"


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 5), (1279, 7)])
def test_textures_of_any_size_hold_the_picture_to_the_byte(world, desk, gpu, gl, width, height):
    form = FrameFormat(width, height, Order.RGBA)
    sink, slot = SpoutSink("latentd", world, desk, zerocopy=True, runtime=gpu, gl=gl), painted(gpu, 1, form)
    sink.open(form)
    sink.publish(slot)
    assert world.textures == [("latentd", 5, slot.pixels.tobytes(), False)]


def test_a_texture_is_registered_once_and_mapped_for_each_picture(sink, gpu):
    slot = painted(gpu)
    sink.open(FORMAT)
    for _ in range(5):
        sink.publish(slot)
    assert gpu.log.count("cudaGraphicsGLRegisterImage") == 1
    assert gpu.log.count("cudaGraphicsMapResources") == gpu.log.count("cudaGraphicsUnmapResources") == 6  # one to try
    assert gpu.log.count("cudaStreamCreateWithFlags") == 1


def test_a_picture_may_be_painted_over_as_soon_as_it_was_published(gpu, gl):
    slot = painted(gpu, 1)
    texture = CudaTexture(gl, gpu, slot.page.canvas.address, 6, 4)
    texture.write(slot.page.canvas.address)
    was = slot.pixels.tobytes()
    paint(slot, 2)
    assert gl.read(texture.number, 6, 4) == was


def test_everything_is_given_back_before_the_context_goes(sink, world, gpu, gl):
    slot = painted(gpu)
    sink.open(FORMAT)
    sink.publish(slot)
    assert gl.textures
    assert gpu.resources
    assert gpu.streams
    order = []
    gl.before_use = lambda: order.append(world.contexts)
    sink.close()
    sink.close()
    assert order == [1]  # the texture was deleted in it
    assert (gl.textures, gpu.resources, gpu.streams, gpu.allocated, world.contexts) == ({}, {}, set(), set(), 0)


def test_the_order_asked_for_is_that_of_opengl(sink, world, desk):
    assert [order for order, _ in sink.accepts()] == [Order.RGBA, Order.BGRA]
    assert [order for order, _ in SpoutSink("latentd", world, desk).accepts()] == [Order.BGRA, Order.RGBA]


def test_it_is_not_tried_unasked(world, desk, gpu, gl):
    sink = SpoutSink("latentd", world, desk, runtime=gpu, gl=gl)
    sink.open(FORMAT)
    assert sink.publish(painted(gpu))
    assert gpu.log == []
    assert sink.about == "latentd, texture share"


def fails(call, error):
    def wrong(gpu, gl, world, slot):
        gpu.fails[call] = error

    return wrong


def gives(call, value):
    def wrong(gpu, gl, world, slot):
        gpu.gives[call] = value

    return wrong


def swap_colours(gpu, gl, world, slot):
    gpu.spoil = lambda row: row.reshape(-1, 4)[:, [2, 1, 0, 3]].reshape(-1)


def copy_nothing(gpu, gl, world, slot):
    gpu.spoil = lambda row: np.full_like(row, 77)


def on_another_gpu(gpu, gl, world, slot):
    type(gpu).cudaGLGetDevices, real = lambda *_: (Error.cudaSuccess, 2, [0, 2]), type(gpu).cudaGLGetDevices
    world.undo = lambda: setattr(type(gpu), "cudaGLGetDevices", real)


def in_host_memory(gpu, gl, world, slot):
    where = types.SimpleNamespace(device=1, type=MemoryType.cudaMemoryTypeHost)
    gpu.gives["cudaPointerGetAttributes"] = where


def no_context(gpu, gl, world, slot):
    world.answers["createOpenGL"] = False


def no_interop(gpu, gl, world, slot):
    world.cpu_share = True


WRONG = {
    "registered but null": (gives("cudaGraphicsGLRegisterImage", Handle(0)), "without graphics"),
    "old driver": (fails("cudaPointerGetAttributes", Error.cudaErrorInsufficientDriver), "install a newer driver"),
    "OpenGL on no NVIDIA card": (fails("cudaGLGetDevices", Error.cudaErrorNoDevice), "give python.exe the fast card"),
    "hybrid": (fails("cudaGLGetDevices", Error.cudaErrorOperatingSystem), "OpenGL runs on another card"),
    "two NVIDIA cards": (on_another_gpu, "OpenGL runs on another card than paints"),
    "not registered": (
        fails("cudaGraphicsGLRegisterImage", Error.cudaErrorUnknown),
        "registering a texture: cudaErrorUnknown",
    ),
    "no stream": (fails("cudaStreamCreateWithFlags", Error.cudaErrorMemoryAllocation), "cudaErrorMemoryAllocation"),
    "no memory": (fails("cudaMalloc", Error.cudaErrorMemoryAllocation), "memory: cudaErrorMemoryAllocation"),
    "not mapped": (fails("cudaGraphicsMapResources", Error.cudaErrorUnknown), "mapping: cudaErrorUnknown"),
    "no array": (fails("cudaGraphicsSubResourceGetMappedArray", Error.cudaErrorUnknown), "cudaErrorUnknown"),
    "not copied": (fails("cudaMemcpy2DToArrayAsync", Error.cudaErrorInvalidValue), "cudaErrorInvalidValue"),
    "a copy that failed": (fails("cudaStreamSynchronize", Error.cudaErrorLaunchFailure), "cudaErrorLaunchFailure"),
    "other colours": (swap_colours, "does not arrive in OpenGL as it was sent"),
    "nothing copied": (copy_nothing, "does not arrive in OpenGL as it was sent"),
    "pinned": (in_host_memory, "not in the GPU's own memory"),
    "no context": (no_context, "Spout has no OpenGL context"),
}


@pytest.mark.parametrize("what", WRONG)
def test_whatever_is_wrong_the_picture_goes_through_host_memory_and_the_reason_is_told_once(
    sink, world, gpu, gl, caplog, what
):
    slot = painted(gpu)
    break_it, reason = WRONG[what]
    break_it(gpu, gl, world, slot)
    try:
        with caplog.at_level(logging.WARNING):
            for _ in range(2):
                sink.open(FORMAT)
                for _ in range(3):
                    assert sink.publish(slot)
                assert reason in sink.about
                assert "(no zero copy: " in sink.about
                sink.close()
    finally:
        getattr(world, "undo", lambda: None)()
    assert [name for name, *_ in world.images] == ["latentd"] * 6
    assert world.images[0][1:] == (slot.pixels.tobytes(), 0x1908, False)
    assert world.textures == []
    assert len(caplog.records) == 1
    assert reason in caplog.text
    assert (gl.textures, gl.mapped, gpu.streams, gpu.allocated) == ({}, set(), set(), set())


def test_a_copy_that_fails_in_the_middle_of_a_show_costs_no_picture(sink, world, gpu, gl):
    slot = painted(gpu)
    sink.open(FORMAT)
    sink.publish(slot)
    gpu.fails["cudaMemcpy2DToArrayAsync"] = Error.cudaErrorInvalidValue
    assert sink.publish(slot)
    assert (len(world.textures), len(world.images)) == (1, 1)
    assert not gl.mapped
    assert not gl.textures
    assert sink.about == "latentd, texture share (no zero copy: copying a picture: cudaErrorInvalidValue)"


def test_without_interop_the_first_picture_is_the_last_that_goes_by_a_texture(sink, world, gpu, gl):
    world.cpu_share = True
    slot = painted(gpu)
    sink.open(FORMAT)
    for _ in range(3):
        assert sink.publish(slot)
    assert (len(world.textures), len(world.images)) == (1, 2)
    assert not gl.textures
    assert sink.about == (
        "latentd, CPU share (no zero copy: Spout cannot share textures between OpenGL and Direct3D here)"
    )


def test_pictures_in_bgra_are_no_texture_of_opengls(sink, world, gpu):
    form = FrameFormat(6, 4, Order.BGRA)
    slot = painted(gpu, 1, form)
    sink.open(form)
    assert sink.publish(slot)
    assert world.images == [("latentd", slot.pixels.tobytes(), 0x80E1, False)]
    assert "name spout first" in sink.about


def test_what_did_not_work_is_tried_again_when_it_is_opened_again(sink, gpu):
    slot = painted(gpu)
    gpu.fails["cudaGraphicsGLRegisterImage"] = Error.cudaErrorUnknown
    sink.open(FORMAT)
    sink.publish(slot)
    sink.close()
    gpu.fails.clear()
    sink.open(FORMAT)
    sink.publish(slot)
    assert sink.about == "latentd, texture share, zero copy"


def test_a_model_on_the_processor_and_then_one_on_the_gpu(sink, world, gpu, caplog):
    host = SlotRing(1, FORMAT).acquire()
    sink.open(FORMAT)
    sink.publish(host)
    assert sink.about == "latentd, texture share (no zero copy: no NVIDIA GPU paints the pictures)"
    sink.publish(painted(gpu))
    assert sink.about == "latentd, texture share, zero copy"
    sink.publish(host)
    assert (len(world.images), len(world.textures)) == (2, 1)
    assert len(caplog.records) == 2  # it changed twice


def test_a_receiver_that_keeps_the_texture_is_waited_for_without_the_gil(sink, world, desk, gpu):
    slot = painted(gpu)
    sink.open(FORMAT)
    sink.publish(slot)
    sink.publish(slot)
    assert desk.waits == 1
    desk.held = True
    assert not sink.publish(slot)  # and sendTexture, which would wait with it, was not called
    assert len(world.textures) == 2


def test_everything_happens_on_the_threads_own_context(sink, gpu):
    raised = []
    slot = painted(gpu)

    def elsewhere():
        sink.open(FORMAT)
        try:
            sink.publish(slot)
        except AssertionError as e:
            raised.append(str(e))

    thread = Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert raised == ["OpenGL on a thread without its context"]  # that is: the fake would tell


@pytest.mark.parametrize(
    "said",
    [
        {"shape": (4, 6, 3)},
        {"shape": (6, 4, 4)},
        {"typestr": "<f4"},
        {"strides": (32, 4, 1)},
        {"data": (0, False)},
    ],
)
def test_memory_that_lies_otherwise_is_not_taken_for_a_picture(said):
    right = {"shape": (4, 6, 4), "typestr": "|u1", "data": (64, False), "version": 3}
    assert address(types.SimpleNamespace(__cuda_array_interface__=right), 6, 4) == 64
    assert address(types.SimpleNamespace(__cuda_array_interface__=right | said), 6, 4) is None


def test_a_tensor_that_is_not_on_a_gpu_has_no_address():
    torch = pytest.importorskip("torch")
    assert address(torch.zeros((4, 6, 4), dtype=torch.uint8), 6, 4) is None
    assert address(None, 6, 4) is None


def test_the_pattern_differs_from_itself_however_it_is_turned():
    it = np.frombuffer(_pattern(64, 48), np.uint8).reshape(48, 64, 4)
    turned = [it[::-1], it[:, ::-1], it[::-1, ::-1], np.roll(it, 1, 0), np.roll(it, 1, 1), it[..., [2, 1, 0, 3]]]
    assert not any(np.array_equal(it, other) for other in turned)
    assert len(np.unique(it[..., 3])) > 1


@pytest.mark.parametrize("version", ["12.9.3", "13.0.2"])
def test_versions_that_register_nothing_and_say_success_are_refused(monkeypatch, version):
    monkeypatch.setitem(sys.modules, "cuda.bindings", types.SimpleNamespace(__version__=version))
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", types.SimpleNamespace())
    with pytest.raises(NoZeroCopy, match=f"{version} is without graphics"):
        cuda.runtime()


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(NoZeroCopy, match=r"pip install latentd\[zerocopy\]"):
        cuda.runtime()


def calls_of(protocol):
    return {n: f for n, f in vars(protocol).items() if n.startswith("cuda") and inspect.isfunction(f)}


def test_every_cuda_call_and_constant_is_one_of_the_real_package():
    real = pytest.importorskip("cuda.bindings.runtime")
    for name, call in calls_of(Runtime).items():
        ours = list(inspect.signature(call).parameters)[1:]
        assert list(inspect.signature(getattr(real, name)).parameters) == ours, name
    for name in Runtime.__annotations__:
        assert hasattr(real, name), name
    for ours, theirs in (
        (Cuda.cudaError_t, real.cudaError_t),
        (Cuda.cudaMemcpyKind, real.cudaMemcpyKind),
        (Cuda.cudaMemoryType, real.cudaMemoryType),
        (Cuda.cudaGraphicsRegisterFlags, real.cudaGraphicsRegisterFlags),
        (Cuda.cudaGLDeviceList, real.cudaGLDeviceList),
    ):
        for member in ours:
            assert int(getattr(theirs, member.name)) == member, member
    assert real.cudaStreamNonBlocking == Cuda.cudaStreamNonBlocking


def test_where_no_gpu_is_the_real_package_says_so_and_raises_nothing():
    real = pytest.importorskip("cuda.bindings.runtime")
    if real.cudaGetDeviceCount()[0] == real.cudaError_t.cudaSuccess:
        pytest.skip("there is a GPU here")
    with pytest.raises(NoZeroCopy):
        CudaTexture(GL(), cuda.runtime(), 4096, 6, 4)


def test_it_is_asked_for_in_the_config():
    config = Config.model_validate({"version": 1, "output": {"zerocopy": True}})
    for zerocopy, first in ((config.output.zerocopy, Order.RGBA), (Config(version=1).output.zerocopy, Order.BGRA)):
        (sink,) = parts.open_sinks(("spout",), "win32", 30.0, None, zerocopy)
        assert sink.accepts()[0][0] is first
