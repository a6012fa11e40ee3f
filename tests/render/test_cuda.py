"""What is said of a GPU that is lost, in every form PyTorch says it; the stage for it is `test_flights`."""

from types import SimpleNamespace

import pytest
import torch
from render.fake_cuda import STREAMS, FakeTorch

from daemon.clock import VirtualClock
from daemon.device import DeviceFull
from daemon.errors import DeviceLost, Fatal, RenderError
from daemon.render.cuda import CudaDevice, full, lost, settle, watched


def accelerator_error(code, text):
    if not hasattr(torch, "AcceleratorError"):
        pytest.skip("PyTorch before 2.8 has no codes")
    error = torch.AcceleratorError(text)
    error.error_code = code
    return error


@pytest.mark.parametrize(
    "text",
    [
        "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be asynchronously reported",
        "CUDA error: unspecified launch failure",
        "CUDA error: the launch timed out and was terminated",
        "CUDA error: device-side assert triggered\nCompile with `TORCH_USE_CUDA_DSA`",
        "CUDA error: uncorrectable ECC error encountered",
        "CUDA error: unknown error",
        "CUDA error: all CUDA-capable devices are busy or unavailable",
        "CUDA error: misaligned address",
        "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx(...)`",
        "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
        "CUDA driver error: unknown error",
    ],
)
def test_a_lost_gpu_is_known_by_its_words_and_ends_the_process(text):
    with pytest.raises(DeviceLost) as said, watched():
        raise RuntimeError(text)
    assert text.splitlines()[0] in str(said.value)
    assert "\n" not in str(said.value)
    assert said.value.exit_code == 75


@pytest.mark.parametrize(
    "text",
    [
        "CUDA error: invalid configuration argument",
        "CUDA error: invalid argument",
        "CUDA error: operation not permitted when stream is capturing",
        "CUDA out of memory. Tried to allocate 20.00 MiB",
        "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED",
        "The size of tensor a (3) must match the size of tensor b (4): address space",
        "",
    ],
)
def test_other_errors_are_left_as_they_are(text):
    with pytest.raises(RuntimeError) as said, watched():
        raise RuntimeError(text)
    assert type(said.value) is RuntimeError


def test_a_code_counts_more_than_words():
    assert lost(accelerator_error(700, "CUDA error: something new"))
    assert lost(accelerator_error(719, "CUDA error: unspecified launch failure"))
    assert lost(accelerator_error(9, "CUDA error: unknown error in a name")) is None
    assert lost(accelerator_error(2, "CUDA error: out of memory")) is None


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
        RuntimeError("CUDA driver error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    ],
)
def test_memory_that_is_full_is_said_in_a_sentence_and_ends_nothing(error):
    with pytest.raises(RenderError, match="no memory left for a picture: close what else") as said, watched():
        raise error
    assert isinstance(said.value, DeviceFull)
    assert not isinstance(said.value, Fatal)
    assert "\n" not in str(said.value)


def test_memory_that_is_full_is_known_by_its_code():
    assert full(accelerator_error(2, "CUDA error: something new"))
    assert not full(accelerator_error(700, "CUDA error: an illegal memory access was encountered"))
    assert not full(RuntimeError("the buffer is out of memory order"))


def test_the_streams_of_live_pictures_are_never_handed_to_what_is_made_ready_beside_them():
    lib = FakeTorch(VirtualClock())
    live = CudaDevice(live=True, lib=lib)
    beside = [CudaDevice(lib=lib) for _ in range(STREAMS)]  # PyTorch has handed out each by then, some twice
    used = {stream for device in beside for stream in (device.paint, device.copy)}
    assert len(used) == STREAMS
    assert not used & {live.paint, live.copy}
    assert live.paint is not live.copy


def test_who_settles_with_a_gpu_hears_that_it_is_lost(monkeypatch):
    def synchronize():
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be")

    monkeypatch.setattr(torch.cuda, "current_stream", lambda: SimpleNamespace(synchronize=synchronize))
    with pytest.raises(DeviceLost, match="illegal memory access"):
        settle()


def test_everything_else_passes_through():
    with pytest.raises(KeyError), watched():
        raise KeyError("x")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_picture_comes_through_the_real_thing():
    page = CudaDevice().page(32, 48)
    with page.painting():
        page.canvas.fill_(7)
    page.fetch()
    page.wait()
    assert page.fetched()
    assert (page.pixels == 7).all()
    assert page.seconds() > 0
