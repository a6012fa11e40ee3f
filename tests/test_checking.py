"""What `latentd presets check` knows of this machine: models, trained files, clusters, whole folders."""

import pytest

from daemon.cli import invoke
from daemon.config import home

NONE = "there is none named 'nosuch'; there are lumen-128, lumen, swatch, card; or give a path"


@pytest.fixture
def check(own_home, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("LATENTD_HOME", str(tmp_path))

    def check(*texts, folder=tmp_path / "looks", names=("a.yaml", "b.yaml"), whole=False):
        folder.mkdir(exist_ok=True)
        paths = [folder / name for name, _ in zip(names, texts, strict=False)]
        for path, text in zip(paths, texts, strict=False):
            path.write_text(f"version: 2\n{text}\n")
        code = invoke(["presets", "check", *([str(folder)] if whole else map(str, paths))])
        out, err = capsys.readouterr()
        return code, [line.replace(f"{folder}/", "").removeprefix("latentd: ") for line in (out + err).splitlines()]

    return check


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("model: nosuch", f"a.yaml: model: {NONE}"),
        ("model: /no/x.pkl", "a.yaml: model: there is no file /no/x.pkl; give the path of one, or a name of `models/`"),
        ("smaller: nosuch", f"a.yaml: smaller: {NONE}"),
        (
            "pairing: nosuch",
            "a.yaml: pairing: none named 'nosuch' was paired for any model; there are lumen, or leave it out",
        ),
        (
            "mapper: pairs\nmodel: swatch",
            "a.yaml: mapper: nothing was paired for swatch yet; see `latentd train pairs`",
        ),
        ("model: lumen\nclusters: {nosuch: 1}", "a.yaml: clusters.nosuch: lumen has aggressive, calm, vibrant"),
        (
            "model: lumen\nanchors: {mine: 1}\nclusters: {mien: 1}",
            "a.yaml: clusters.mien: lumen has aggressive, calm, vibrant, mine",
        ),
        ("model: lumen\nnoise: off", "a.yaml: model: lumen has not got noise off (StyleGAN2 has noise inputs)"),
        ("model: lumen\nclass: 3", "a.yaml: model: lumen has not got class 3 (it was trained without classes)"),
    ],
)
def test_what_a_preset_names_and_is_not_here_is_named_with_what_is(check, text, told):
    code, lines = check(text)
    assert code == 1
    assert told in lines


@pytest.mark.parametrize(
    "text",
    [
        "model: lumen\nsmaller: lumen-128\nmapper: clusters\nclusters: {calm: 1}",
        "model: lumen\nmapper: pairs\npairing: lumen",
        "pairing: lumen",
        "model: card",
        "model: swatch\nclusters: {calm: 0.5}",
        "anchors: {mine: 3}\nclusters: {mine: 1, calm: 1}",
        "routes: [{source: rms, target: translate/x}, {source: rms, target: translate_x}]",
    ],
)
def test_what_is_here_is_well(check, text):
    assert check(text) == (0, ["all well"])


def test_a_broken_model_is_said_to_be(check, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "half.pkl").write_bytes(b"half of one")
    code, lines = check("model: half")
    assert code == 1
    assert "a.yaml: model:" in lines[0]
    assert "half.pkl" in lines[0]


def test_a_cluster_nobody_knows_is_worth_a_word_where_no_model_is_named(check):
    code, lines = check("clusters: {clam: 1}")
    hint = "a.yaml: clusters.clam: known here are aggressive, calm, vibrant; name the model that has it (model: NAME)"
    assert (code, lines) == (0, [hint, "all well"])


def test_a_folder_is_checked_whole(check):
    code, lines = check("psi: 7", "noise: loud", names=("a.yaml", "b.yml"), whole=True)
    assert (code, lines) == (1, ["a.yaml: psi: at most 1.5, not 7", "b.yml: noise: fixed, off or moving, not 'loud'"])


def test_a_folder_without_presets_is_no_folder_of_presets(check, tmp_path):
    (tmp_path / "looks").mkdir()
    code, lines = check(whole=True)
    assert code == 1
    assert lines[0].endswith("holds no presets: they are files that end in .yaml")


def test_ones_own_are_checked_whatever_they_end_in(check, tmp_path, capsys):
    (tmp_path / "presets").mkdir()
    (home() / "presets" / "mine.yml").write_text("version: 2\npsi: 9\n")
    assert invoke(["presets", "check"]) == 1
    assert "mine.yml: psi: at most 1.5, not 9" in capsys.readouterr().err
