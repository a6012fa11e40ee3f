import asyncio
import errno
import os
from threading import Event

import pytest

from daemon import config, preset
from daemon.params import Params
from daemon.preset import bank, folder
from daemon.preset.folder import look

SHIPPED = config.shipped_presets()


class Watch:
    """A watcher that is told when to look, and what it said."""

    def __init__(self, folder):
        self.folder, self.bank = folder, preset.Bank(SHIPPED, folder)
        self.changes, self.faults, self.unsaved = [], [], []
        told = (self.changes.append, self.faults.append, self.unsaved.append)
        self.watcher = preset.PresetWatcher(self.bank, *told)
        self._now = 1_000_000_000

    def write(self, name, text):
        """As an editor writes, at a time of its own however fast the test is."""
        path = self.folder / f"{name}.yaml"
        path.write_text(text)
        self._now += 1
        os.utime(path, (self._now, self._now))

    async def look(self, times=2):
        for _ in range(times):
            await self.watcher.look()


@pytest.fixture
def watch(tmp_path):
    return Watch(tmp_path)


async def test_a_new_file_appears_where_the_next_start_will_have_it(watch):
    watch.write("mine", "version: 2\npsi: 0.25\n")
    watch.write("aaa", "version: 2\n")
    await watch.look()
    assert watch.bank.names == preset.Bank(SHIPPED, watch.folder).names
    assert watch.bank.names[-2:] == ("aaa", "mine")
    assert watch.changes == [("aaa", "mine")]
    assert watch.bank.get("mine").params.psi == 0.25


async def test_a_changed_file_is_read_anew_and_one_that_stays_is_no_news(watch):
    watch.write("mine", "version: 2\npsi: 0.25\n")
    watch.write("other", "version: 2\n")
    await watch.look()
    watch.write("mine", "version: 2\npsi: 0.75\n")
    await watch.look(5)
    assert watch.changes == [("mine", "other"), ("mine",)]
    assert watch.bank.get("mine").params.psi == 0.75
    assert watch.faults == []


async def test_a_file_whose_fade_or_title_alone_changed_is_another_with_the_same_look(watch):
    watch.write("mine", "version: 2\nfade: 1\n")
    await watch.look()
    watch.write("mine", "version: 2\nfade: 9\ntitle: slow\n")
    await watch.look()
    assert watch.changes == [("mine",), ()]
    assert (watch.bank.get("mine").fade, watch.bank.get("mine").title) == (9, "slow")


async def test_a_bad_file_names_all_its_faults_once_and_the_last_good_one_stays(watch):
    watch.write("mine", "version: 2\npsi: 0.25\n")
    await watch.look()
    watch.write("mine", "version: 2\npsi: 25\nfoo: 1\n")
    await watch.look(6)
    (said,) = watch.faults
    assert all(word in said for word in ("mine.yaml", "psi", "foo is not a known key"))
    assert watch.bank.get("mine").params.psi == 0.25
    watch.write("mine", "version: 2\npsi: 0.5\n")
    await watch.look()
    assert watch.bank.get("mine").params.psi == 0.5
    assert len(watch.faults) == 1


async def test_a_deleted_file_goes_and_a_shipped_one_it_hid_is_back(watch):
    watch.write("storm", "version: 2\npsi: 0.25\n")
    watch.write("mine", "version: 2\n")
    await watch.look()
    assert watch.bank.get("storm").params.psi == 0.25
    (watch.folder / "storm.yaml").unlink()
    (watch.folder / "mine.yaml").unlink()
    await watch.look()
    assert watch.bank.names == preset.Bank(SHIPPED, watch.folder).names
    assert watch.bank.get("storm") == preset.Bank(SHIPPED, watch.folder).get("storm")
    assert watch.changes[1:] == [("storm",)]


async def test_a_file_that_an_editor_replaces_is_never_gone(watch):
    watch.write("mine", "version: 2\npsi: 0.25\n")
    await watch.look()
    (watch.folder / "mine.yaml").unlink()
    await watch.look(1)
    assert "mine" in watch.bank.names
    watch.write("mine", "version: 2\npsi: 0.5\n")
    await watch.look()
    assert watch.changes == [("mine",), ("mine",)]
    assert watch.bank.get("mine").params.psi == 0.5


async def test_a_file_that_is_still_being_written_is_not_read(watch):
    for n in range(1, 6):
        watch.write("mine", "version: 2\npsi: 0.25\ntitle: 'half" + "." * n)
        await watch.look(1)
    assert watch.faults == watch.changes == []
    watch.write("mine", "version: 2\npsi: 0.25\n")
    await watch.look()
    assert watch.faults == []
    assert watch.bank.get("mine").params.psi == 0.25


@pytest.fixture
async def running(watch):
    """Its watcher runs, and looks by itself very often."""
    watch.watcher._every = 0.01
    service = asyncio.create_task(watch.watcher.run())
    yield watch
    service.cancel()
    await asyncio.gather(service, return_exceptions=True)


async def until(fine):
    async with asyncio.timeout(20):
        while not fine():
            await asyncio.sleep(0.005)


class Disk:
    """A disk that takes what it is told to take."""

    def __init__(self, monkeypatch, full=()):
        self.go, self.asked, self.full, self._store = Event(), [], full, bank.store
        monkeypatch.setattr(bank, "store", self.store)

    def store(self, path, preset):
        self.asked.append((preset.name, preset.params.psi))
        assert self.go.wait(20)
        if preset.name in self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self._store(path, preset)


async def test_a_save_waits_for_no_disk_and_stays_where_it_was_saved(running, monkeypatch):
    disk = Disk(monkeypatch)
    running.bank.save("mine", Params(psi=0.25), 2.0)
    await until(lambda: disk.asked)
    running.bank.save("mine", Params(psi=0.5), 2.0)
    running.bank.save("other", Params(psi=0.75), 2.0)
    for _ in range(20):  # looks at the folder that find no such files
        await running.watcher.look()
    assert [running.bank.get(name).params.psi for name in ("mine", "other")] == [0.5, 0.75]
    disk.go.set()
    await until(lambda: running.bank.unwritten is None)
    await running.look(3)
    assert disk.asked == [("mine", 0.25), ("mine", 0.5), ("other", 0.75)]
    again = preset.Bank(SHIPPED, running.folder)
    assert [again.get(name).params.psi for name in ("mine", "other")] == [0.5, 0.75]
    assert running.changes == running.faults == []


async def test_a_save_that_fails_is_told_by_name_and_the_next_one_is_written(running, monkeypatch):
    disk = Disk(monkeypatch, full=("mine",))
    disk.go.set()
    for name in ("mine", "other"):
        running.bank.save(name, Params(psi=0.25), 2.0)
    await until(lambda: running.bank.unwritten is None)
    assert running.unsaved == ["mine"]
    assert len(running.faults) == 1
    assert "mine.yaml cannot be written (No space left on device)" in running.faults[0]
    assert ("mine" in running.bank.names, "other" in running.bank.names) == (False, True)


def test_what_is_unwritten_at_the_end_is_written_then(watch, monkeypatch):
    disk = Disk(monkeypatch, full=("full",))
    disk.go.set()
    for name in ("mine", "full", "other"):
        watch.bank.save(name, Params(psi=0.25), 2.0)
    watch.watcher.finish()
    assert {path.name for path in watch.folder.iterdir()} == {"mine.yaml", "other.yaml"}
    assert (watch.unsaved, len(watch.faults)) == (["full"], 1)


async def test_a_folder_that_could_not_be_read_at_the_start_is_told_there_and_again_when_it_becomes_so(
    watch, monkeypatch
):
    def refused(folder, *_):
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    with monkeypatch.context() as locked:
        locked.setattr("pathlib.Path.glob", refused)
        blind = Watch(watch.folder)
        await blind.look(3)
    assert [str(fault) for fault in blind.bank.faults if str(watch.folder) in str(fault)]
    assert blind.faults == []
    await blind.look()
    monkeypatch.setattr("pathlib.Path.glob", refused)
    await blind.look(3)
    assert len(blind.faults) == 1


async def test_what_the_daemon_saves_itself_is_no_news(watch):
    for psi in (0.25, 0.75):
        watch.bank.save("mine", Params(psi=psi), 2.0)
        watch.watcher.finish()
        await watch.look(3)
    assert watch.changes == []
    assert watch.bank.get("mine").params.psi == 0.75


async def test_a_save_in_the_middle_of_a_look_is_not_undone_by_it(watch):
    watch.bank.save("mine", Params(psi=0.25), 2.0)
    watch.watcher.finish()
    await watch.look()
    looking = asyncio.create_task(watch.watcher.look())
    await asyncio.sleep(0)  # it has begun
    watch.bank.save("mine", Params(psi=0.75), 2.0)
    watch.watcher.finish()
    await looking
    assert watch.bank.get("mine").params.psi == 0.75
    await watch.look(3)
    assert watch.bank.get("mine").params.psi == 0.75
    assert watch.changes == []


async def test_a_file_of_the_same_length_that_was_replaced_is_another_though_its_time_stays(watch):
    watch.write("mine", "version: 2\npsi: 0.25\n")
    await watch.look()
    path, other = watch.folder / "mine.yaml", watch.folder / "other.txt"
    about = path.stat()
    other.write_text("version: 2\npsi: 0.75\n")
    os.utime(other, ns=(about.st_atime_ns, about.st_mtime_ns))
    other.replace(path)
    await watch.look()
    assert watch.bank.get("mine").params.psi == 0.75


async def test_a_folder_that_comes_later_is_found(tmp_path):
    watch = Watch(tmp_path / "presets")
    await watch.look()
    watch.folder.mkdir()
    watch.write("mine", "version: 2\n")
    await watch.look()
    assert watch.bank.names[-1] == "mine"


async def test_what_is_no_plain_file_is_passed_over(watch):
    (watch.folder / "folder.yaml").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(watch.folder / "pipe.yaml")  # reading it would wait for ever
    (watch.folder / ".hidden.yaml").write_text("what")
    await watch.look()
    assert watch.faults == watch.changes == []


def test_a_folder_of_thousands_is_read_as_far_as_it_goes_and_said_once(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "MOST", 5)
    for n in range(7):
        (tmp_path / f"p{n:04}.yaml").write_text("version: 2\n")
    found = look(tmp_path, {}, patient=False)
    assert len(found.presets) == 5
    assert "the first 5 by name are taken" in str(found.faults[0])
    assert look(tmp_path, found.entries, patient=True).faults == ()


async def test_the_service_looks_by_itself_until_it_is_cancelled(watch):
    seen = asyncio.Event()
    service = preset.PresetWatcher(watch.bank, lambda _: seen.set(), watch.faults.append, every=0.01)
    running = asyncio.create_task(service.run())
    watch.write("mine", "version: 2\n")
    async with asyncio.timeout(30):
        await seen.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert watch.bank.names[-1] == "mine"


async def test_a_folder_that_cannot_be_read_for_a_while_is_said_once_and_what_was_read_stays(watch, monkeypatch):
    watch.write("mine", "version: 2\npsi: 0.25\n")
    await watch.look()

    def gone(self, pattern):
        raise OSError(5, "Input/output error")

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(type(watch.folder), "glob", gone)
            await watch.look(5)
        await watch.look()
    assert watch.faults == [f"folder {watch.folder}: cannot be read (Input/output error)"] * 2
    assert watch.bank.get("mine").params.psi == 0.25
    monkeypatch.setattr(type(watch.folder), "glob", gone)
    bank = preset.Bank(SHIPPED, watch.folder)
    assert (bank.names, len(bank.faults)) == ((), 2)
