"""`latentd self-test`: the test card on every sink of this machine, read back where that can be done."""

from typing import Annotated

from cyclopts import Parameter, validators

from daemon.cli.out import print_json
from daemon.cli.play import Many, Size
from daemon.config import Config, Http, Osc, Oscquery, frame_size
from daemon.errors import LatentdError

WORDS = """The test card is shown on: {sinks}. What must be seen on each:
  corners     red top left, green top right, blue bottom left, white bottom right
  letters     TOP on top, LEFT and an F on the left, none of them mirrored or upside down
  border      a white line of one pixel, whole, on all four sides
  lines       the two striped squares on the right even all over, where no pixel is scaled
  greys       eleven steps from black to white, each to be told from the next
  counter     the number goes up, the hand goes round, and nothing jumps or is cut in two
"""


def self_test(
    *,
    sink: Many = (),
    size: Size = "1280x720",
    seconds: Annotated[float, Parameter(validator=validators.Number(gt=0))] = 10.0,
    fps: Annotated[float, Parameter(validator=validators.Number(gte=1, lte=240))] = 30.0,
    json: bool = False,
) -> None:
    """Show the test card on sinks, say what must be seen, read it back where that can be done, and judge it.

    Exit code 1 when something is wrong.

    Parameters
    ----------
    sink
        As of `run`; may be given several times. What this platform has if not given; the page is always there.
    size
        Pixels of the frames: 512 for a square, or 1920x1080.
    seconds
        How long.
    fps
        Frames a second.
    json
        Print data only.
    """
    from daemon import app as live
    from daemon.cli.readback import ndi_finds_itself
    from daemon.cli.watching import Watch
    from daemon.stopping import StopSign

    specs, frame = sink or ("auto",), frame_size(size) or (1280, 720)
    config = Config(
        version=1, source="none", model="card", preset="hearth", sinks=specs, fps=fps, size=frame, device="cpu",
        osc=Osc(port=0, reply_port=0, features_hz=0), oscquery=Oscquery(enable=False), http=Http(port=0),
    )  # fmt: skip
    if not json:
        print(WORDS.format(sinks=", ".join((*specs, "the page"))))  # noqa: T201 - the command's answer
    watch = Watch(specs, frame)
    with StopSign() as stop, ndi_finds_itself():
        try:
            live.run(config, live.Wishes(seconds=seconds, remember=False, on_status=watch.show), stop)
        finally:
            watch.end()
    if not (verdicts := watch.verdicts()):
        raise LatentdError("the self-test was ended before a picture was shown")
    if json:
        print_json([{**v.sink.model_dump(), "read": v.read, "wrong": v.wrong or None} for v in verdicts])
    else:
        print("\n".join(map(str, verdicts)))  # noqa: T201
    if wrong := [f"{v.sink.name}: {v.wrong}" for v in verdicts if v.wrong]:
        raise LatentdError(f"the self-test found faults; {'; '.join(wrong)}")
