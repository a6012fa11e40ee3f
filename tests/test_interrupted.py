"""Ctrl-C before a command has begun: a real signal in a real process, at the moment that a module is looked for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = """
import atexit, runpy, signal, sys

marked = sys.argv.pop(1)

def interrupt():
    print("interrupted", file=sys.stderr, flush=True)
    signal.raise_signal(signal.SIGINT)

class Marked:
    def find_spec(self, name, path, target=None):
        if name == marked:
            sys.meta_path.remove(self)
            interrupt()

sys.meta_path.insert(0, Marked())
atexit.register(print, "tidied up")
if marked == "the end":
    atexit.register(interrupt)
runpy.run_module("daemon", run_name="__main__", alter_sys=True)
"""
RUN = ("run", "--model", "swatch", "--source", "none", "--sink", "null", "--http-port", "0", "--osc-port", "0")


@pytest.mark.parametrize(
    ("marked", "command", "code"),
    [
        ("cyclopts", RUN, 130),  # the commands themselves are imported
        ("daemon.cli.train", ("devices",), 130),
        ("rich.console", ("presets", "list"), 130),  # what draws the log
        ("daemon.control.table", ("addresses",), 130),  # what a command needs
        ("daemon.render.warm", RUN, 0),  # from here on it is a clean stop
        ("the end", ("addresses",), 130),
    ],
)
def test_ctrl_c_while_it_is_still_imported_ends_it_without_a_traceback(tmp_path, marked, command, code):
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, marked, *command],
        cwd=ROOT,
        env={**os.environ, "LATENTD_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ended.stderr.count("interrupted\n") == 1
    assert "Traceback" not in ended.stderr
    assert "KeyboardInterrupt" not in ended.stderr
    assert ended.returncode == code
    if code and marked != "the end":
        begun = marked == "daemon.control.table"  # a command that has is left as exceptions leave it
        assert ended.stderr == "interrupted\n"
        assert ended.stdout == ("tidied up\n" if begun else "")
