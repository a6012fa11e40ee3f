import json
import shlex

import pytest

from tools.default_model import page, train
from tools.default_model.page import DOCS, MODELS, TARGETS

FOLDER = DOCS / "model"


def test_the_page_is_what_the_kept_figures_make_of_it():
    """`python -m tools.default_model.page` makes it so."""
    assert (DOCS / "MODEL.md").read_text() == page.page(FOLDER)
    for name in MODELS:
        told = json.loads((FOLDER / f"{name}-curve.json").read_text())
        assert (DOCS / "pictures" / f"{name}-curve.svg").read_text() == page.curve(told["curve"])


def test_every_picture_of_the_page_is_there():
    text = (DOCS / "MODEL.md").read_text()
    linked = [part.split(")")[0] for part in text.split("](")[1:]]
    for target in linked:
        assert (DOCS / target).exists(), target


def test_a_miss_is_called_one():
    figures = {target.figure: target.bound + (0.1 if target.least else -0.1) for target in TARGETS}
    assert all(" met |" in target.row(figures) for target in TARGETS)
    off = {target.figure: target.bound - (0.1 if target.least else -0.1) for target in TARGETS}
    assert all("**missed**" in target.row(off) for target in TARGETS)


def test_the_commands_of_the_page_exist(capsys):
    for line in page.page(FOLDER).splitlines():
        if "-m tools.default_model." in line and line.startswith(".venv"):
            module = shlex.split(line)[2].rsplit(".", 1)[1]
            assert (DOCS.parent / "tools" / "default_model" / f"{module}.py").exists()
    with pytest.raises(SystemExit, match="0"):
        train.main(["--help"])
    said = capsys.readouterr().out
    assert all(option in said for option in ("--out", "--minutes", "--resolution", "--mapping"))


def test_the_files_shipped_are_small_enough():
    for name in MODELS:
        assert (DOCS.parent / "daemon" / "assets" / "models" / f"{name}.safetensors").stat().st_size < 8_000_000
