"""The daemon as a process among sinks that are stuck, lost, gone or not to be had: none of them is another's matter."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from test_daemon import ROOT, running, until

from daemon.status import Report

SCRIPT = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
from sinks.lost import put_in
put_in()
from daemon.cli import main
main()
"""
SWATCH = ("--model", "swatch", "--source", "none", "--preset", "hearth", "--size", "32")


def test_sinks_that_are_stuck_lost_and_gone_touch_neither_one_another_nor_the_pictures_nor_the_end(tmp_path):
    folders = [tmp_path / "a", tmp_path / "b"]
    arguments = ["run", *(word for folder in folders for word in ("--sink", f"frames:{folder}")), *SWATCH]
    with running(tmp_path, *arguments, program=("-c", SCRIPT)) as daemon:

        def of(status, name):
            return next(sink for sink in status["sinks"] if sink["name"] == name or sink["about"] == name)

        said = daemon.until(
            lambda s: of(s, "stuck")["state"] == "stalled" and of(s, "gone")["errors"] > 1 and of(s, "lost")["errors"],
            "in trouble",
        )
        assert of(said, "stuck")["published"] == 0
        assert of(said, "gone")["state"] == "retrying"  # it has worked: it is tried again, and ends nothing
        assert of(said, "gone")["last_error"] == "it was taken away"
        assert [sink["about"] for sink in said["sinks"] if sink["name"] == "frames"] == list(map(str, folders))
        folders[0].rename(tmp_path / "away")
        folders[0].write_text("in the way")
        said = daemon.until(lambda s: of(s, str(folders[0]))["state"] == "retrying", "lost")
        before, rendered = of(said, str(folders[1]))["published"], said["frame_index"]
        said = daemon.until(lambda s: of(s, str(folders[1]))["published"] > before + 9, "going on")
        assert said["frame_index"] >= rendered + 9
        assert of(said, "preview")["state"] == "ok"
        assert daemon.get("/frame.png")
        folders[0].unlink()
        daemon.until(lambda s: of(s, str(folders[0]))["state"] == "ok", "back")
        daemon.process.send_signal(signal.SIGTERM)
        code, report = daemon.wait()
    assert (code, report.exit) == (0, 0)
    until(lambda: "stuck did not stop within 2 s" in (tmp_path / "log.txt").read_text(), "said")
    assert len(report.sinks) == 6


@pytest.mark.parametrize("when", ["opened", "shown to"])
def test_a_sink_that_is_not_to_be_had_ends_the_run_with_its_sentence(tmp_path, when):
    report = tmp_path / "report.json"
    command = [sys.executable, "-c", SCRIPT, "run", "--sink", "null", *SWATCH, "--report", str(report)]
    env = {**os.environ, "LATENTD_HOME": str(tmp_path), "NO_SINK_WHEN": when, "COLUMNS": "200"}
    ended = subprocess.run(
        [*command, "--http-port", "0", "--osc-port", "0"],
        env=env, cwd=ROOT, timeout=50, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "latentd: no such thing here" in ended.stderr
    assert Report.model_validate_json(Path(report).read_text()).exit == 1
