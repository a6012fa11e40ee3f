"""Flags of the process that two threads want at once."""

import threading
from collections.abc import Iterator

import pytest
import torch

from stylegan3.gpu.flags import exactly, quickly


def now() -> tuple[bool, bool, bool, bool]:
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    return matmul.allow_tf32, cudnn.allow_tf32, matmul.allow_fp16_accumulation, cudnn.benchmark


@pytest.fixture(autouse=True)
def _own() -> Iterator[None]:
    """As a process starts: cuDNN takes float32 to TF32."""
    assert now() == (False, True, False, False)
    yield
    assert now() == (False, True, False, False)


def test_float32_is_float32_and_what_was_is_put_back() -> None:
    with exactly():
        assert now() == (False, False, False, False)
    assert now() == (False, True, False, False)
    with pytest.raises(ValueError, match="lost"), quickly():
        raise ValueError("lost")


def test_one_in_another_counts_and_then_the_other_again() -> None:
    with quickly(accumulate=True):
        assert now() == (False, False, True, True)
        with exactly():
            assert now() == (False, False, False, False)
        assert now() == (False, False, True, True)


def test_a_thread_that_is_done_leaves_what_another_works_by() -> None:
    inside, on = threading.Event(), threading.Event()
    seen = []

    def paint() -> None:
        with exactly():
            inside.set()
            assert on.wait(10)
            seen.append(now())

    with quickly(accumulate=True):
        thread = threading.Thread(target=paint)
        thread.start()
        assert inside.wait(10)
    between = now()
    on.set()
    thread.join(10)
    assert seen == [(False, False, False, False)]
    assert between == (False, False, False, False)
