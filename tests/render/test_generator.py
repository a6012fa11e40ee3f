# ruff: noqa: N806 - G is what the paper and its users call a generator
"""The generator as a renderer: the bundled model, official files, sizes and devices."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from goldens import HERE, path

import stylegan3
from daemon import parts
from daemon.config import Config
from daemon.device import DeviceFull, HostPage
from daemon.errors import DeviceLost, RenderError
from daemon.flow import U8, Fit, Framing, Latents, Order
from daemon.render import generator
from daemon.render.generator import GeneratorRenderer
from daemon.render.renderer import Means, launcher_of
from stylegan3.choice import Choice
from stylegan3.errors import EngineError
from stylegan3.inference import TorchPainter
from stylegan3.kernels import fused

MODELS = Path(__file__).parents[2] / "daemon" / "assets" / "models"
LUMEN = MODELS / "lumen-128.safetensors"  # the smaller one, for its speed


@cache
def lumen(size: int | None = None) -> GeneratorRenderer:
    return GeneratorRenderer(LUMEN, "cpu", square(size))


def square(size: int | None) -> Framing:
    return Framing(None if size is None else (size, size))


def picture(renderer: GeneratorRenderer, ws: np.ndarray | None, side: int = 128) -> U8:
    pixels = np.full((side, side, 4), 77, np.uint8)
    renderer.render(Latents(ws), pixels)
    return pixels


def some_ws(renderer: GeneratorRenderer, seed: int = 0) -> np.ndarray:
    z = np.random.default_rng(seed).standard_normal((1, renderer.facts.z_dim)).astype(np.float32)
    return renderer.to_w(z, 1.0)[0]


def test_the_bundled_model_has_its_three_anchors_on_the_shell_of_the_gaussian() -> None:
    facts = lumen().facts
    assert (facts.name, facts.resolution, facts.z_dim, facts.w_dim, facts.num_ws) == ("lumen-128", 128, 64, 512, 10)
    larger = GeneratorRenderer(MODELS / "lumen.safetensors", "cpu").facts
    assert (larger.name, larger.resolution, larger.z_dim, larger.w_dim) == ("lumen", 256, 64, 512)
    assert all(np.array_equal(a.z, b.z) for a, b in zip(facts.anchors, larger.anchors, strict=True))
    assert [a.name for a in facts.anchors] == ["aggressive", "calm", "vibrant"]
    for anchor in facts.anchors:
        assert np.linalg.norm(anchor.z) == pytest.approx(8.0, rel=1e-5)
        assert not anchor.z.flags.writeable
    assert facts.w_avg.shape == (512,)
    assert lumen().precision == "float32"


@pytest.mark.parametrize("name", ["lumen", "lumen-128"])
def test_the_bundled_models_paint_what_they_were_exported_with(name: str) -> None:
    golden = np.load(HERE / f"{name}.npz")
    G = stylegan3.load(MODELS / f"{name}.safetensors")
    side, n = G.img_resolution, G.img_resolution // 2
    renderer = GeneratorRenderer(MODELS / f"{name}.safetensors", "cpu")
    assert list(golden["names"]) == list(G.anchors)
    for i, z in enumerate(G.anchors.values()):
        image = G(z[None])
        middle = image[0, :, n - 16 : n + 16, n - 16 : n + 16]
        assert (middle - torch.from_numpy(golden["crop"][i])).abs().max() < 1e-4
        small = torch.nn.functional.avg_pool2d(image, side // 32)[0]
        assert (small - torch.from_numpy(golden["small"][i]).float()).abs().max() < 2e-3  # kept in half precision
        rgba = picture(renderer, renderer.to_w(z[None].numpy(), 1.0)[0], side)
        want = (image[0] * 127.5 + 127.5).round().clamp(0, 255).permute(1, 2, 0).numpy()
        assert np.abs(rgba[..., :3] - want).max() <= 1


def test_anchors_look_as_they_are_called() -> None:
    colours = {
        a.name: picture(lumen(), lumen().to_w(a.z[None], 1.0)[0])[..., :3].astype(float) for a in lumen().facts.anchors
    }
    red, green, blue = colours["aggressive"].mean((0, 1))
    assert red > 2 * green > 2 * blue
    red, green, blue = colours["calm"].mean((0, 1))
    assert blue > green > red > 90
    spread = {name: np.ptp(c, axis=2).mean() for name, c in colours.items()}  # saturation
    assert spread["vibrant"] > max(spread["aggressive"], spread["calm"])
    of_one_hue = {name: np.ptp(c[..., :3].mean((0, 1))) / spread[name] for name, c in colours.items()}
    assert of_one_hue["vibrant"] < 0.5 < min(of_one_hue["aggressive"], of_one_hue["calm"])


def test_the_same_latents_give_the_same_bits() -> None:
    a, b = GeneratorRenderer(LUMEN, "cpu"), lumen()
    ws = some_ws(a)
    picture(b, some_ws(b, 5))
    assert np.array_equal(a.to_w(np.ones((2, 64), np.float32), 0.7), b.to_w(np.ones((2, 64), np.float32), 0.7))
    assert picture(a, ws).tobytes() == picture(b, ws).tobytes() == picture(a, ws).tobytes()


def test_the_picture_is_opaque_and_no_latents_is_black() -> None:
    shown, black = picture(lumen(), some_ws(lumen())), picture(lumen(), None)
    assert (shown[..., 3] == 255).all()
    assert shown[..., :3].std() > 20
    assert (black[..., 3] == 255).all()
    assert not black[..., :3].any()


def test_psi_pulls_towards_the_average() -> None:
    z = np.random.default_rng(1).standard_normal((3, 64)).astype(np.float32)
    renderer = lumen()
    whole, half, none = (renderer.to_w(z, psi) for psi in (1.0, 0.5, 0.0))
    assert whole.shape == (3, 10, 512)
    assert whole.dtype == np.float32
    assert np.allclose(none, renderer.facts.w_avg, atol=1e-6)
    assert np.allclose(half, (whole + none) / 2, atol=1e-5)


@pytest.mark.parametrize("side", [64, 256])
def test_other_sizes_are_the_same_picture(side: int) -> None:
    renderer = lumen(side)
    ws = some_ws(renderer)
    shown = picture(renderer, ws, side).astype(float)
    own = picture(lumen(), ws).astype(float)
    big, small = (own, shown) if side < 128 else (shown, own)
    pooled = big.reshape(len(small), 2, len(small), 2, 4).mean((1, 3))
    assert np.abs(pooled - small).mean() < 3
    assert (shown[..., 3] == 255).all()


def test_an_official_pickle_renders() -> None:
    renderer = GeneratorRenderer(path("sg3t_64"))
    assert renderer.facts.name == "sg3t_64"
    assert renderer.facts.anchors == ()
    data = np.load(path("sg3t_64").with_suffix(".npz"))
    want = np.clip(np.rint(data["psi1/img"][0] * 127.5 + 127.5), 0, 255).transpose(1, 2, 0)
    assert np.abs(picture(renderer, data["psi1/ws"][0], 64)[..., :3] - want).max() <= 1


def test_a_conditional_network_is_rendered_as_its_first_class() -> None:
    renderer = GeneratorRenderer(path("sg3t_64_cond"))
    G = stylegan3.load(path("sg3t_64_cond"))
    z = np.random.default_rng(2).standard_normal((2, 64)).astype(np.float32)
    want = G.mapping(torch.from_numpy(z), torch.tensor([[1.0, 0, 0]]).expand(2, -1))
    assert np.abs(renderer.to_w(z, 1.0) - want.numpy()).max() < 1e-5


def test_devices_that_are_not_there_are_refused_in_words() -> None:
    if not torch.cuda.is_available():
        with pytest.raises(RenderError, match="finds no CUDA device"):
            GeneratorRenderer(LUMEN, "cuda")
    with pytest.raises(RenderError, match="there is no device 'toaster'"):
        GeneratorRenderer(LUMEN, "toaster")


def test_a_checkpoint_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match="is not there"):
        GeneratorRenderer(tmp_path / "nowhere.pkl")


def test_the_engine_and_the_threads_asked_for_are_taken_and_said() -> None:
    renderer = GeneratorRenderer(LUMEN, "cpu", means=Means("torch", threads=1))
    assert (renderer.engine, renderer.threads) == ("torch", 1)
    ws = some_ws(renderer)
    assert np.abs(picture(renderer, ws).astype(int) - picture(lumen(), ws)).max() <= 1
    beside = GeneratorRenderer(LUMEN, "cpu", means=Means(budget=10.0, after=lumen()))
    assert (beside.engine, beside.threads) == (lumen().engine, lumen().threads)


def test_an_engine_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(RenderError, match=r"lumen-128.safetensors: there is no engine 'warp' .*torch; auto"):
        GeneratorRenderer(LUMEN, "cpu", means=Means("warp"))


def test_what_was_chosen_is_said_once_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        renderer = GeneratorRenderer(LUMEN, "cpu", means=Means("torch", threads=1, budget=1 / 30))
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"lumen-128 (a frame is 33.3 ms): {renderer.engine}, 1 thread, ")


def test_the_smaller_model_is_the_default_where_no_kernel_paints(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(fused, "builds", lambda: ("avx2",))
    assert parts.default_model(Config(version=1)) == "lumen"
    assert parts.default_model(Config(version=1, engine="prepared")) == "lumen-128"
    monkeypatch.setattr(fused, "builds", tuple)
    with caplog.at_level("INFO"):
        assert parts.default_model(Config(version=1)) == "lumen-128"
    assert caplog.messages[-1] == "lumen-128 rather than lumen: no GPU and no kernel paint here"


class Card:
    """A GPU for what is around it: its canvases are the CPU's tensors, and its work is done when it is waited for."""

    def __init__(self, name: str, said: list[str], *, full: bool = False) -> None:
        self.name, self.said, self.full = name, said, full

    def page(self, height: int, width: int) -> "CardPage":
        if self.full:
            raise DeviceFull("no memory left")
        return CardPage(self, height, width)


class CardPage(HostPage):
    def __init__(self, card: Card, height: int, width: int) -> None:
        super().__init__(height, width)
        self.canvas = torch.full((height, width, 4), 77, dtype=torch.uint8)
        self._card, self._state = card, "new"

    def _step(self, before: tuple[str, ...], after: str) -> None:
        assert self._state in before, f"{after} after {self._state}"
        self._state = after
        self._card.said.append(f"{self._card.name} {after}")

    @contextmanager
    def painting(self) -> Iterator[None]:
        self._step(("new", "there"), "painting")
        yield

    def fetch(self) -> None:
        self._step(("painting",), "fetched")

    def wait(self) -> None:
        self._step(("fetched",), "there")
        self.pixels[:] = self.canvas.numpy()


def on_a_card(
    monkeypatch: pytest.MonkeyPatch, choosing: Callable[[], None] = lambda: None, *, full: bool = False
) -> list[str]:
    """Have networks painted as on a GPU; what is done on it, in order, is put into the list."""
    said: list[str] = []
    live = Card("live", said, full=full)

    def choose(network: stylegan3.Generator, where: torch.device, **how: object) -> Choice:
        assert where.type == "cuda"
        assert how["budget"] == 0.02
        said.append("chosen")
        choosing()
        return Choice(TorchPainter(network, torch.device("cpu")), 1, ())

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(generator, "choose", choose)
    monkeypatch.setattr(generator, "settle", lambda: said.append("settled"))
    monkeypatch.setattr(generator, "cuda_device", lambda: live)
    monkeypatch.setattr(generator, "CudaDevice", lambda: Card("aside", said))
    return said


FRAME = Means(budget=0.02)


@pytest.mark.parametrize("size", [None, 48])
def test_on_a_gpu_first_pictures_are_painted_aside_and_then_as_live_ones_will_be(
    monkeypatch: pytest.MonkeyPatch, size: int | None
) -> None:
    plain = GeneratorRenderer(path("sg3t_64"), "cpu", square(size))
    said = on_a_card(monkeypatch)
    renderer = GeneratorRenderer(path("sg3t_64"), "cuda", square(size), FRAME)
    picture_of = ["painting", "fetched", "there"]
    assert said == [
        "chosen", "settled", *(f"{who} {step}" for who in ("aside", "live") for _ in range(2) for step in picture_of)
    ]  # fmt: skip
    launcher = launcher_of(renderer)
    assert launcher is not None
    assert isinstance(launcher.device, Card)
    assert launcher.device.name == "live"
    side, ws = size or 64, some_ws(renderer)
    want = picture(plain, ws, side)
    assert np.abs(picture(renderer, ws, side).astype(int) - want).max() <= 2
    assert said[-3:] == ["aside painting", "aside fetched", "aside there"]


@pytest.mark.parametrize("fit", Fit)
def test_on_a_gpu_frames_of_any_shape_are_made_where_pictures_are_painted(
    monkeypatch: pytest.MonkeyPatch, fit: Fit
) -> None:
    framing = Framing((90, 50), fit, Order.BGRA, "luma", (0.2, 0.9))
    plain = GeneratorRenderer(path("sg3t_64"), "cpu", framing)
    on_a_card(monkeypatch)
    renderer = GeneratorRenderer(path("sg3t_64"), "cuda", framing, FRAME)
    shown = []
    for each in (plain, renderer):
        shown.append(np.full((50, 90, 4), 77, np.uint8))
        each.render(Latents(some_ws(each)), shown[-1])
    apart = np.abs(shown[0].astype(int) - shown[1])
    assert apart[..., :3].max() <= 4  # two engines a level apart, scaled by two ways
    assert apart[..., :3].mean() < 0.1
    assert np.ptp(shown[1][..., 3]) > 10


def test_a_gpu_without_memory_for_live_pictures_is_a_model_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_card(monkeypatch, full=True)
    with pytest.raises(RenderError, match=r"sg3t_64\.pkl: no memory left"):
        GeneratorRenderer(path("sg3t_64"), "cuda", means=FRAME)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory.\nTried"), MemoryError("a\nb")])
def test_a_network_too_large_for_a_gpu_is_a_model_that_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def choosing() -> None:
        raise error

    said = on_a_card(monkeypatch, choosing)
    with pytest.raises(RenderError, match=r"sg3t_64\.pkl") as refused:
        GeneratorRenderer(path("sg3t_64"), "cuda", means=FRAME)
    assert "\n" not in str(refused.value)
    assert said == ["chosen", "settled"]


@pytest.mark.parametrize("chosen", [True, False])
def test_a_gpu_that_was_lost_while_engines_were_tried_is_not_taken_for_engines_that_fail(
    monkeypatch: pytest.MonkeyPatch, *, chosen: bool
) -> None:
    def choosing() -> None:
        if not chosen:
            raise EngineError("no engine paints this model here")

    def lost() -> None:
        raise DeviceLost("the GPU is lost")

    on_a_card(monkeypatch, choosing)
    monkeypatch.setattr(generator, "settle", lost)
    with pytest.raises(DeviceLost, match=r"the GPU is lost; where sg3t_64.pkl does that each time, take --engine tor"):
        GeneratorRenderer(path("sg3t_64"), "cuda", means=FRAME)
