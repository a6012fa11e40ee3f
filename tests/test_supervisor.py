import asyncio
import threading
import time

import pytest

from daemon.backoff import Backoff
from daemon.errors import Fatal, SinkUnavailable
from daemon.supervisor import ThreadService, supervise

SOON = Backoff(first=0.01, limit=0.05)


def ignore(name, error, delay):
    pass


async def test_one_part_fails_and_comes_back_and_the_others_never_notice():
    opened, other, told = [], [], []

    def flaky(stop):
        opened.append(1)
        if len(opened) < 4:
            raise OSError("unplugged")
        stop.wait()

    def steady(stop):
        other.append(1)
        stop.wait()

    services = supervise(
        ThreadService("audio", flaky),
        ThreadService("render", steady),
        on_failure=lambda name, error, delay: told.append((name, str(error), delay)),
        backoff=SOON,
    )
    task = asyncio.create_task(services)
    while len(opened) < 4:
        await asyncio.sleep(0.005)
    assert len(other) == 1
    assert told == [("audio", "unplugged", d) for d in (0.01, 0.02, 0.04)]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for thread in [t for t in threading.enumerate() if t.name in {"audio", "render"}]:
        thread.join(timeout=5)
        assert not thread.is_alive()


async def test_the_same_fault_has_one_traceback_in_the_log_and_another_has_its_own(caplog):
    opened = []

    def flaky(stop):
        opened.append(1)
        if len(opened) <= 4:
            raise OSError(f"no answer after {len(opened)} s")
        if len(opened) == 5:
            raise KeyError("x")
        stop.wait()

    told = []
    task = asyncio.create_task(
        supervise(ThreadService("audio", flaky), on_failure=lambda *said: told.append(said), backoff=SOON)
    )
    while len(opened) < 6:
        await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [type(record.exc_info[1]) for record in caplog.records if record.exc_info] == [OSError, KeyError]
    assert len(told) == 5


async def test_a_fault_in_a_group_of_its_own_is_told_as_what_it_is():
    told = []

    class Grouped:
        name = "osc"
        error = OSError("no more handles")

        async def run(self):
            async with asyncio.TaskGroup() as group:
                group.create_task(self._fail())
                await asyncio.Event().wait()

        async def _fail(self):
            async with asyncio.TaskGroup() as group:
                group.create_task(self._fall())

        async def _fall(self):
            raise self.error

    service = Grouped()
    task = asyncio.create_task(
        supervise(service, on_failure=lambda name, error, delay: told.append((name, str(error))), backoff=SOON)
    )
    while len(told) < 2:
        await asyncio.sleep(0.005)
    assert told[0] == ("osc", "no more handles")
    service.error = SinkUnavailable("never again")  # which ends a run from wherever
    with pytest.raises(ExceptionGroup) as ended:
        await task
    assert ended.group_contains(SinkUnavailable, match="never again", depth=1)


async def test_returning_is_failing():
    runs = []
    task = asyncio.create_task(
        supervise(ThreadService("sink", lambda stop: runs.append(1)), on_failure=ignore, backoff=SOON)
    )
    while len(runs) < 3:
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("error", [Fatal("context lost"), SinkUnavailable("no Spout here")])
async def test_what_cannot_be_mended_ends_everything(error):
    ended = threading.Event()

    def broken(stop):
        raise error

    def other(stop):
        stop.wait()
        ended.set()

    with pytest.raises(ExceptionGroup) as e:
        await supervise(ThreadService("render", broken), ThreadService("sink", other), on_failure=ignore)
    assert e.group_contains(type(error))
    assert ended.is_set()


async def test_a_thread_that_will_not_stop_is_fatal():
    release = threading.Event()
    hung = ThreadService("hung", lambda stop: release.wait(), patience=0.05)
    task = asyncio.create_task(supervise(hung, on_failure=ignore))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(ExceptionGroup) as e:
        await task
    assert e.group_contains(Fatal)
    release.set()


def test_good_running_forgives_past_failures():
    backoff = Backoff(first=1, factor=2, limit=8, steady=60)
    waits, delay = [], None
    for ran in (0, 0, 0, 0, 0, 61, 0):
        delay = backoff.after(delay, ran)
        waits.append(delay)
    assert waits == [1, 2, 4, 8, 8, 1, 2]


async def test_cancelling_waits_for_the_thread():
    stopped_at = []

    def loop(stop):
        stop.wait()
        time.sleep(0.05)
        stopped_at.append(time.perf_counter())

    task = asyncio.create_task(supervise(ThreadService("slow", loop), on_failure=ignore))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stopped_at
    assert time.perf_counter() >= stopped_at[0]


async def test_a_thread_that_may_be_left_behind_delays_and_fails_nothing():
    release = threading.Event()
    slow = ThreadService("model", lambda stop: release.wait(), patience=0.05, abandon=True)
    task = asyncio.create_task(supervise(slow, on_failure=ignore))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
