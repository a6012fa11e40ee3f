"""The commands. Each imports what it needs when it runs, so that `--help` is quick and torch loads only to render."""

import sys

from daemon.cli.early import heed, hush  # isort: skip - before all that takes time

from cyclopts import App, CycloptsError

from daemon import __version__
from daemon.cli import bench, midi, model, play, selftest, show, train
from daemon.errors import LatentdError
from daemon.stopping import FORCED, leave

app = App(
    name="latentd",
    version=__version__,
    help="Listens to sound and draws it: a headless StyleGAN3 render daemon.",
    suppress_keyboard_interrupt=False,  # it is ours to see to
)
SHOWN = (show.devices, show.features, show.addresses, show.presets)
PLAYED = (play.demo, play.run, play.render, selftest.self_test)
for command in (*PLAYED, bench.bench, *SHOWN, midi.midi, model.model, train.train):
    app.command(command)
heed()  # whoever imports this may not be the command line


def main() -> None:
    """Run a command: 0 done, 1 failed (one sentence on stderr), 2 bad usage, 75 the GPU was lost, 130 broken off."""
    hush()
    code = invoke(sys.argv[1:])
    hush()  # what is left is the end
    leave(code)


def invoke(arguments: list[str]) -> int:
    """The exit code of one command line."""
    from daemon import log

    log.configure()
    try:
        heed()
        app(arguments or ["--help"], exit_on_error=False, print_error=True, result_action="return_value")
    except CycloptsError:
        return 2
    except LatentdError as e:
        log.last_word(f"latentd: {e}")
        return e.exit_code
    except KeyboardInterrupt:
        return FORCED
    return 0
