"""The OpenGL calls of the zero-copy path in a real context, drawn by a processor. CUDA's copy is a stand-in's."""

import ctypes
from threading import Thread

import numpy as np
import pytest
from sinks.egl import NoContext, context
from sinks.fake_cuda import Cuda, RealGL, upload

from daemon.sinks.spout.cuda import NoZeroCopy
from daemon.sinks.spout.opengl import OpenGL
from daemon.sinks.spout.texture import CudaTexture


@pytest.fixture
def gl(monkeypatch):
    monkeypatch.setenv("LIBGL_ALWAYS_SOFTWARE", "1")
    try:
        with context():
            yield OpenGL()
    except NoContext as e:
        pytest.skip(f"no OpenGL context without a display can be had here: {e}")


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 5), (640, 360), (257, 1)])
def test_what_is_in_a_texture_is_read_row_by_row_as_it_was_put_there(gl, width, height):
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 4), np.uint8)
    texture = gl.texture(width, height)
    upload(texture, picture)
    assert gl.read(texture, width, height) == picture.tobytes()
    gl.delete(texture)


def test_a_texture_that_is_too_large_is_refused_with_its_size(gl):
    with pytest.raises(NoZeroCopy, match=r"OpenGL makes no texture of 1000000 x 2 \(error 0x501\)"):
        gl.texture(1_000_000, 2)


def test_what_others_did_wrong_is_no_fault_of_ours(gl):
    ctypes.CDLL("libGL.so.1").glEnable(0xFFFF)
    gl.delete(gl.texture(2, 2))


def test_on_a_thread_without_a_context_it_says_so(gl):
    said = []

    def elsewhere():
        try:
            OpenGL()
        except NoZeroCopy as e:
            said.append(str(e))

    thread = Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert said == ["there is no OpenGL context"]


def test_the_pattern_is_the_same_after_a_real_texture(gl):
    through = RealGL(lambda: gl)
    cuda = Cuda(through)
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 4), np.uint8)
    address = cuda.place(picture.reshape(-1))
    texture = CudaTexture(through, cuda, address, 7, 5)  # tried out on the way
    texture.write(address)
    assert through.read(texture.number, 7, 5) == picture.tobytes()
    texture.close()
    assert through.textures == {}


def test_the_pattern_finds_out_that_a_real_texture_is_upside_down(gl):
    through = RealGL(lambda: gl, turned=slice(None, None, -1))
    cuda = Cuda(through)
    address = cuda.place(np.zeros(5 * 7 * 4, np.uint8))
    with pytest.raises(NoZeroCopy, match="does not arrive"):
        CudaTexture(through, cuda, address, 7, 5)
