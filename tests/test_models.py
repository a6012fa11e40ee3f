"""Model files from the outside."""

from pathlib import Path

import numpy as np
import pytest
import torch
from goldens import HERE, path

import stylegan3
from daemon import models
from daemon.clock import WallClock
from daemon.errors import BadInput, LatentdError, RenderError
from stylegan3 import TrainingSet
from stylegan3.inference import TorchPainter

LUMEN = Path(__file__).parents[1] / "daemon" / "assets" / "models" / "lumen.safetensors"
SHIPPED = ("sg3t_64", "sg3t_64_modern", "sg3r_64", "sg2_64_skip")


def test_info_says_what_a_checkpoint_is() -> None:
    found = models.info(HERE / "sg2_64_skip.pkl")
    assert (found.name, found.variant) == ("sg2_64_skip", "StyleGAN2 skip")
    assert (found.resolution, found.channels, found.classes) == (64, 3, 0)
    assert (found.z_dim, found.w_dim, found.num_ws) == (64, 64, 10)
    assert found.size == (HERE / "sg2_64_skip.pkl").stat().st_size
    assert found.training_set == TrainingSet("golden.zip", 64, labels=False)
    assert found.anchors == ()


def test_info_of_the_bundled_model_names_its_anchors() -> None:
    found = models.info(LUMEN)
    assert (found.variant, found.resolution, found.training_set) == ("StyleGAN3-T", 256, None)
    assert sorted(found.anchors) == ["aggressive", "calm", "vibrant"]
    assert found.parameters == sum(p.numel() for p in stylegan3.load(LUMEN).parameters())


def test_info_of_a_conditional_model_counts_its_classes() -> None:
    found = models.info(path("sg2_64_cond_clamp"))
    assert found.classes == 3
    assert found.training_set is not None
    assert found.training_set.labels is True


@pytest.mark.parametrize("name", SHIPPED)
def test_convert_keeps_every_bit_and_every_fact(name: str, tmp_path: Path) -> None:
    source, target = HERE / f"{name}.pkl", tmp_path / "new.safetensors"
    models.convert(source, target, "mine")
    before, after = stylegan3.load(source), stylegan3.load(target)
    assert after.name == "mine"
    assert after.config == before.config
    assert after.training_set == before.training_set
    for (key, a), (same, b) in zip(before.state_dict().items(), after.state_dict().items(), strict=True):
        assert key == same
        assert torch.equal(a, b), key
    ws = torch.randn(1, before.num_ws, before.w_dim, generator=torch.Generator().manual_seed(0))
    assert torch.equal(before.synthesis(ws), after.synthesis(ws))
    models.convert(target, tmp_path / "again.safetensors")
    again = stylegan3.load(tmp_path / "again.safetensors")
    assert (again.name, again.config, again.training_set) == ("mine", after.config, after.training_set)
    assert all(torch.equal(a, b) for a, b in zip(after.state_dict().values(), again.state_dict().values(), strict=True))
    assert {p.name for p in tmp_path.iterdir()} == {"new.safetensors", "again.safetensors"}


def test_convert_does_not_overwrite_unless_told(tmp_path: Path) -> None:
    target = tmp_path / "new.safetensors"
    target.write_text("precious")
    with pytest.raises(BadInput, match="it is there already"):
        models.convert(HERE / "sg3r_64.pkl", target)
    assert target.read_text() == "precious"
    with pytest.raises(RenderError, match="is not there"):
        models.convert(tmp_path / "nowhere.pkl", target, overwrite=True)
    assert target.read_text() == "precious"
    models.convert(HERE / "sg3r_64.pkl", target, overwrite=True)
    assert models.info(target).variant == "StyleGAN3-R"


def test_convert_names_every_fault_of_its_target(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        models.convert(HERE / "sg3r_64.pkl", tmp_path / "nowhere" / "new.pkl", "two\nlines")
    assert len(caught.value.faults) == 3
    assert "\n" not in str(caught.value)


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    target = tmp_path / "new.safetensors"
    target.write_text("precious")
    monkeypatch.setattr(stylegan3, "save", full)
    with pytest.raises(BadInput, match=r"cannot be written \(No space left on device\)"):
        models.convert(HERE / "sg3r_64.pkl", target, overwrite=True)
    assert target.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("call", [models.info, lambda p: models.verify(p, WallClock())])
def test_a_file_that_cannot_be_used_is_one_sentence(call: object, tmp_path: Path) -> None:
    file = tmp_path / "broken.pkl"
    file.write_bytes(b"\x80\x04\x8c\x02os\x8c\x06system\x93.")
    with pytest.raises(LatentdError, match=r"broken\.pkl asks for os\.system") as caught:
        call(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", SHIPPED)
def test_verify_finds_every_engine_right(name: str) -> None:
    found = models.verify(HERE / f"{name}.pkl", WallClock(), threads=2)
    assert found.passed
    assert found.verdict.startswith(f"{name}.pkl is computed right here: at most ")
    assert found.checks[0].engine == "torch"
    assert all(0 < check.error < 5e-5 and check.frame_ms > 0 for check in found.checks)
    kernels = [check for check in found.checks if check.engine.startswith("fused")]
    assert not kernels or name.startswith("sg3")


@pytest.mark.parametrize("wrong", [1e-3, float("nan")])
def test_verify_says_which_engine_is_wrong(wrong: float, monkeypatch: pytest.MonkeyPatch) -> None:
    right = TorchPainter.image

    def image(self: TorchPainter, ws: np.ndarray) -> torch.Tensor:
        return right(self, ws) + wrong

    monkeypatch.setattr(TorchPainter, "image", image)
    found = models.verify(HERE / "sg2_64_skip.pkl", WallClock())
    assert not found.passed
    assert "sg2_64_skip.pkl is computed wrong here" in found.verdict
    assert "torch by" in found.verdict
