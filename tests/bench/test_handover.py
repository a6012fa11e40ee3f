"""What handing over costs, as it is told; how long it takes is the machine's."""

import json

import pytest

from daemon.bench.handover import HandoverReport
from daemon.cli import invoke


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def said(capsys, *arguments):
    code = invoke(["bench", "--handover", "--frames", "6", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_every_set_of_sinks_is_measured_and_does_what_it_is_called(capsys):
    code, out, _ = said(capsys, "--json")
    assert code == 0
    made = HandoverReport.model_validate_json(out)
    assert made.model_dump(mode="json") == json.loads(out)
    assert (made.model, made.size, made.fps) == ("swatch", (256, 256), 60.0)
    kinds = ("fast", "slow", "stuck", "failing")
    assert [r.sinks for r in made.results] == ["none", *(f"{n} {kind}" for kind in kinds for n in (1, 3))]
    of = {r.sinks: r for r in made.results}
    for r in made.results:
        middle, most, worst = r.handover_us
        assert 0 < middle <= most <= worst
        assert (r.frames, r.skipped) == (6, 0)
        assert r.frame_ms > 0
    assert (of["none"].published, of["none"].ratio) == (0, 1.0)
    assert of["1 fast"].published > 0
    assert of["1 stuck"].published <= 1  # the one it is let go with at the end
    assert of["3 stuck"].published <= 3
    assert of["3 slow"].published + of["3 slow"].replaced > 3


def test_a_person_gets_a_table_and_one_model_alone_is_taken(capsys):
    code, out, _ = said(capsys)
    assert code == 0
    assert "swatch, 256 x 256 at 60 a second" in out
    assert any(line.startswith("none") and " 1.00 " in line for line in out.splitlines())
    assert any(line.startswith("3 failing") for line in out.splitlines())
    code, _, err = said(capsys, "--model", "swatch", "card")
    assert code == 1
    assert "--handover takes one" in err
