"""Settings made before torch is imported."""

import subprocess
import sys

from daemon.render.warm import warm_process


def test_what_the_user_set_stays() -> None:
    mine = {"OMP_WAIT_POLICY": "ACTIVE"}
    warm_process(mine)
    assert mine == {"OMP_WAIT_POLICY": "ACTIVE", "GOMP_SPINCOUNT": "2000"}


def test_it_does_not_import_torch() -> None:
    code = "import sys; from daemon.render.warm import warm_process; warm_process(); print('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        == "False"
    )
