"""The end of a process, with and without a thread that does not stop."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import atexit, sys, threading
from daemon.stopping import Body, leave
atexit.register(print, "tidied up")
over = threading.Event()
if sys.argv[1] != "nothing":
    kind = Body if sys.argv[1] == "ours" else threading.Thread
    kind(target=over.wait, args=(60,), daemon=True).start()
print("said")
leave(7)
"""


@pytest.mark.parametrize(("stuck", "tidied"), [("nothing", True), ("another's", True), ("ours", False)])
def test_the_exit_code_and_what_was_said_come_out_and_nothing_is_tidied_up_under_a_driver(stuck, tidied):
    root, env = Path(__file__).parent.parent, {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, stuck],
        cwd=root,
        env=env,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ended.returncode == 7
    assert ended.stdout.split("\n") == ["said", *(["tidied up"] if tidied else []), ""]
