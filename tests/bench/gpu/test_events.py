"""Frames on a clock that is the device's: what is counted, and when the host waits."""

import pytest
from bench_device import FakeDevice, kernels

from daemon.bench.gpu.events import EventStopwatch, settle, sustained
from daemon.bench.gpu.layers import by_layer
from daemon.bench.slices import Task, alternate


def task(device, ms, name="a", prepare=0.0, delivered=False):
    def act(i):
        device.do(ms(i) if callable(ms) else ms)
        if delivered:
            device.finish()

    return Task(name, 1, act, (lambda i: device.do(prepare)) if prepare else None, delivered)


def test_a_frame_takes_what_the_device_did_and_preparation_does_not_count() -> None:
    device = FakeDevice()
    watch = EventStopwatch(device, device.now)
    assert watch.frames(task(device, lambda i: 2.0 + i, prepare=100.0), range(5)) == [2.0, 3.0, 4.0, 5.0, 6.0]


def test_the_host_waits_once_behind_a_slice_and_never_inside() -> None:
    device = FakeDevice()
    watch = EventStopwatch(device, device.now)
    watch.frames(task(device, 4.0, prepare=1.0), range(10))
    assert device.waits == 1
    watch.frames(task(device, 4.0), range(10))
    assert device.waits == 2


def test_a_frame_the_host_cannot_keep_up_with_holds_the_gap() -> None:
    """Ten operations of a microsecond each take as long as it takes to ask for them."""
    device = FakeDevice(launch=1.0)
    watch = EventStopwatch(device, device.now)

    def act(_):
        for _ in range(10):
            device.do(0.001)

    assert watch.frames(Task("eager", 1, act), range(3)) == pytest.approx([10.0] * 3, abs=0.01)


def test_a_ring_that_is_shorter_than_a_slice_is_read_before_it_is_used_again() -> None:
    device = FakeDevice()
    watch = EventStopwatch(device, device.now, ring=4)
    assert watch.frames(task(device, lambda i: 1.0 + i), range(11)) == pytest.approx(
        [1.0 + i for i in range(11)], abs=device.launch
    )
    assert watch.frames(task(device, 2.0, prepare=1.0), range(3)) == [2.0] * 3


def test_slices_of_two_engines_take_turns_and_each_begins_with_a_frame_not_counted() -> None:
    device, log = FakeDevice(), []

    def act(name, ms):
        def paint(i):
            log.append((name, i))
            device.do(ms * (5 if len([x for x in log[:-1] if x[0] == name]) == 0 else 1))  # the very first is slow

        return Task(name, 1, paint)

    taken = alternate([act("a", 1.0), act("b", 2.0)], 8, EventStopwatch(device, device.now), lambda n: None)
    assert taken == [[1.0] * 8, [2.0] * 8]
    assert log[:6] == [("a", 0), ("a", 0), ("a", 1), ("b", 0), ("b", 0), ("b", 1)]
    assert device.waits == 8


def test_what_is_delivered_is_timed_by_the_host_and_waited_for() -> None:
    device = FakeDevice(launch=0.5)
    watch = EventStopwatch(device, device.now)
    assert watch.frames(task(device, 3.0, delivered=True), range(4)) == pytest.approx([3.5] * 4)


def test_a_warm_up_ends_when_times_stay() -> None:
    device = FakeDevice()
    watch = EventStopwatch(device, device.now)
    found = settle(task(device, lambda i: 2.0 if i < 85 else 1.0), watch, device.now)
    assert (found.frames, found.settled) == (140, True)
    assert found.seconds == pytest.approx(device.now())
    calm = settle(task(device, 1.0), watch, device.now)
    assert (calm.frames, calm.settled) == (100, True)


def test_a_warm_up_that_never_settles_ends_and_says_so() -> None:
    device = FakeDevice()
    found = settle(task(device, lambda i: 1.0 + i / 100), EventStopwatch(device, device.now), device.now)
    assert not found.settled
    assert 10 <= found.seconds < 12


def test_sustained_frames_are_never_more_than_two_under_way() -> None:
    device, under_way = FakeDevice(), []

    def act(i):
        device.do(4.0)
        under_way.append((device.busy_until - device.host) / 4.0)

    assert sustained(Task("a", 1, act), device, device.now, 2.0) == pytest.approx(250, rel=0.02)
    assert 1.5 < max(under_way) <= 2.0


FRAME = (("gemv", 3), ("sin", 5), ("cudnn", 40), ("fir", 10), ("nhwc", 2), ("cudnn", 30), ("fir_half", 20), ("rgb", 4))


def test_kernels_are_told_to_layers_by_the_filters_that_end_them() -> None:
    slow = tuple((name, 3 * us) for name, us in FRAME)
    found = by_layer([kernels(*FRAME), kernels(*FRAME), kernels(*slow)], 3)
    assert [(p.kind, p.layer, p.ms) for p in found] == [
        ("styles", None, 0.008), ("conv", 0, 0.04), ("filter", 0, 0.01), ("conv", 1, 0.032), ("filter", 1, 0.02),
        ("rgb", 2, 0.004),
    ]  # fmt: skip


def test_a_convolution_of_several_kernels_is_all_of_them_in_the_first_layer_too() -> None:
    many = (("copy", 4), ("gemm", 10), ("gemm", 11))
    frame = kernels(("gemv", 3), ("gemm", 50), *many, ("fir", 10), *many, ("fir", 10), ("rgb", 4))
    found = {(p.kind, p.layer): p.ms for p in by_layer([frame], 3)}
    assert found["conv", 0] == found["conv", 1] == pytest.approx(0.025)
    assert found["styles", None] == pytest.approx(0.053)


def test_layers_painted_once_are_the_first_ones_and_kernels_that_do_not_tell_are_left_alone() -> None:
    assert [p.layer for p in by_layer([kernels(*FRAME)], 5) if p.kind == "conv"] == [2, 3]
    assert by_layer([kernels(*FRAME)], 2) == ()
    assert by_layer([kernels(("cudnn", 3), ("firmware", 2))], 3) == ()
    assert by_layer([kernels(*FRAME), kernels(*FRAME[:4])], 3) == ()
    assert by_layer([], 3) == ()


@pytest.mark.parametrize("wrong", ["read", "again", "inside"])
def test_the_stand_in_refuses_what_a_device_would_answer_wrongly(wrong) -> None:
    device = FakeDevice()
    a, b = device.event(), device.event()
    a.record()
    device.do(1.0)
    b.record()
    act = {"read": lambda: b.ms_since(a), "again": a.record, "inside": device.finish}[wrong]
    with pytest.raises(AssertionError):
        act()
