# ruff: noqa: N806 - G is what the paper and its users call a generator
"""The command: what it says, and what it refuses."""

import json
import sys

import pytest
from bench_device import FakeDevice

import stylegan3
from daemon.bench.networks import open_network
from daemon.bench.report import Report
from daemon.cli import invoke

TINY = "random:t16:256:16:4"
# INTERFACE: what these are called and mean is held on to by scripts
RESULT = {
    "model", "device", "engine", "precision", "size", "frame_ms", "fps", "memory_mb", "kernels_per_frame", "error",
    "floor_fraction",
}  # fmt: skip


@pytest.fixture(autouse=True)
def wide(own_home, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


def said(capsys, *arguments):
    code = invoke(["bench", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_json_has_the_promised_shape(capsys) -> None:
    code, out, _ = said(capsys, "--model", TINY, "random:sg2-8:64:8", "--threads", "1", "--frames", "3", "--json")
    assert code == 0
    data = json.loads(out)
    assert {"results", "versions"} <= set(data)
    assert {r["model"] for r in data["results"]} == {TINY, "random:sg2-8:64:8"}
    for r in data["results"]:
        assert set(r) >= RESULT
        assert set(r["frame_ms"]) == {"p50", "p95", "p99", "max"}
        assert 0 < r["frame_ms"]["p50"] <= r["frame_ms"]["p95"] <= r["frame_ms"]["p99"] <= r["frame_ms"]["max"]
        assert set(r["error"]) == {"max", "rms"}
        assert r["error"]["max"] < 5e-5
        assert (r["device"], r["kernels_per_frame"], r["threads"], r["frames"]) == ("cpu", None, 1, 3)
        assert r["floor_fraction"] > 0
        assert r["layers"] is None
    assert data["versions"]["torch"]
    assert Report.model_validate_json(out).model_dump(mode="json") == data


def test_a_person_gets_a_table_and_layers_if_asked(capsys) -> None:
    code, out, _ = said(capsys, "--model", TINY, "--threads", "1", "--frames", "2", "--layers")
    assert code == 0
    lines = out.splitlines()
    head = next(line for line in lines if line.startswith("engine"))
    assert all(word in head for word in ("threads", "p50 ms", "p95 ms", "fps", "x zero", "floor", "error", "rms", "MB"))
    assert any(line.startswith("zero-insertion") and " 1.00 " in line for line in lines)
    assert any(line.startswith("torch") for line in lines)
    assert any(line.startswith("L0_36_16") for line in lines)


def test_the_bundled_model_is_measured_when_none_is_named(capsys, monkeypatch) -> None:
    code, out, _ = said(capsys, "--threads", "1", "--frames", "1", "--engine", "torch", "--json")
    assert code == 0
    [one] = json.loads(out)["results"]
    assert (one["model"], one["engine"], one["speedup"]) == ("lumen", "torch", None)


def test_a_baseline_gets_the_same_weights_even_of_a_random_network(capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "somebody.py").write_text(
        "import torch, stylegan3\n"
        "def make(model, device):\n"
        "    G = stylegan3.load(model)\n"
        "    return lambda ws: G.synthesis(torch.from_numpy(ws)[None])[0]\n"
    )
    arguments = ("--model", TINY, "--threads", "1", "--frames", "2", "--engine", "torch", "--baseline", "somebody:make")
    try:
        code, out, _ = said(capsys, *arguments, "--json")
    finally:
        sys.modules.pop("somebody", None)
    assert code == 0
    found = {r["engine"]: r for r in json.loads(out)["results"]}
    assert set(found) == {"torch", "baseline somebody:make"}
    assert found["baseline somebody:make"]["error"]["max"] < 5e-5


def test_layers_that_are_painted_once_are_told_in_the_table_and_in_the_data(capsys, tmp_path) -> None:
    G = open_network(TINY).G
    for layer in G.synthesis.layers[:2]:
        layer.affine.weight.zero_()
    stylegan3.save(G, tmp_path / "deaf.safetensors")
    arguments = ("--model", tmp_path / "deaf.safetensors", "--threads", "1", "--frames", "2", "--engine", "prepared")
    code, out, _ = said(capsys, *arguments, "torch")
    assert code == 0
    lines = out.splitlines()
    assert any(
        line.startswith("layers painted once while the picture stands still") and ": 2, with" in line for line in lines
    )
    rows = {line.split()[0]: line.split() for line in lines if line}
    assert rows["engine"][-5:] == ["once", "moving", "x", "zero", "moving"]
    assert rows["prepared"][-3] == "2"
    assert rows["torch"][-3:] == ["0", rows["torch"][2], "-"]
    code, out, _ = said(capsys, *arguments, "--json")
    [one] = json.loads(out)["results"]
    assert (one["layers_once"], one["moving_ms"] > 0) == (2, True)
    assert "once" not in said(capsys, "--model", TINY, "--threads", "1", "--frames", "1", "--engine", "prepared")[1]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--model", "nobody"), "there is none named 'nobody'"),
        (("--model", "missing.pkl"), "missing.pkl"),
        (("--model", "swatch"), "without a network"),
        (("--model", "random:t100"), "not a power of two"),
        (("--model", "random:q64"), "is no random network"),
        (("--device", "cuda"), "this PyTorch finds no CUDA device: install"),
        (("--grid", "--model", TINY), "leave --model or --grid out"),
        (("--model", TINY, "--threads", "1", "--engine", "torch", "--baseline", "nonsense"), "module:factory"),
        (("--threads", "1000"), "more than the"),
        (("--model", TINY, "--engine", "abacus"), "under the name 'abacus'"),
        (("--model", TINY, "--baseline", "nonsense"), "module:factory"),
        (("--model", TINY, "--baseline", "nowhere_at_all:make"), "cannot be imported"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(capsys, arguments, word) -> None:
    code, out, err = said(capsys, *arguments)
    *before, last = err.strip().splitlines()
    assert (code, out) == (1, "")
    assert last.startswith("latentd: ")
    assert word in last
    assert not any(line.startswith("latentd: ") for line in before)
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "arguments", [("--frames", "0"), ("--frames", "many"), ("--threads", "0"), ("--device", "abacus"), ("--wings", "2")]
)
def test_bad_usage_exits_2(capsys, arguments) -> None:
    assert said(capsys, *arguments)[0] == 2


def test_it_has_help_for_every_option(capsys) -> None:
    code, out, _ = said(capsys, "--help")
    assert code == 0
    names = ("model", "device", "threads", "frames", "engine", "baseline", "layers", "grid", "sustained")
    assert all(f"--{name}" in out for name in names)
    assert "module:factory" in out


@pytest.fixture
def gpu(monkeypatch):
    """A device that is not there, on which PyTorch's CPU paints."""
    from daemon.bench.gpu import cuda, events, rates

    measured = rates.measured
    monkeypatch.setattr(cuda, "Cuda", lambda: FakeDevice(each=1.0))
    monkeypatch.setattr(events, "_FEWEST", 20)
    monkeypatch.setattr(events, "_WINDOW", 5)
    monkeypatch.setattr(rates, "measured", lambda device, stopwatch, _: measured(device, stopwatch, 512))


ON_GPU = ("--device", "cuda", "--frames", "3", "--engine", "torch", "cuda banded unrecorded")


def test_a_gpu_is_told_of_in_the_same_shape_and_more(capsys, gpu, monkeypatch) -> None:
    from daemon.bench import networks

    monkeypatch.setattr(networks, "GRID", (TINY,))
    code, out, _ = said(capsys, "--grid", *ON_GPU, "--ablation", "--layers", "--json")
    assert code == 0
    data = json.loads(out)
    assert [m["model"] for m in data["models"]] == [TINY]
    assert {r["engine"] for r in data["results"]} == {
        "torch cuda", "torch cuda tf32", "torch cuda float16", "cuda banded unrecorded"
    }  # fmt: skip
    for r in data["results"]:
        assert set(r) >= RESULT
        assert set(r["frame_ms"]) == set(r["gpu"]["delivered_ms"]) == {"p50", "p95", "p99", "max"}
        assert (r["device"], r["frames"], r["kernels_per_frame"]) == ("cuda", 3, None)
        assert r["floor_fraction"] > 0
        assert r["gpu"]["over_float32"] > 0
        assert r["error"]["rms"] < (1e-5 if r["precision"] == "float32" else 5e-3)
    assert data["versions"]["gpu"]["name"] == "Abacus 9000"
    gpu_said = data["models"][0]["gpu"]
    assert gpu_said["floor_ms"] > 0
    assert {p["kind"] for p in gpu_said["probes"]} == {"tensor", "fma", "memory"}
    assert [s["on"] for s in gpu_said["steps"]] == ["cuda banded unrecorded"]
    assert Report.model_validate_json(out).model_dump(mode="json") == data


def test_a_person_gets_a_table_of_a_gpu(capsys, gpu, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere.py").write_text(
        "import torch, stylegan3\n"
        "def make(model, device):\n"
        "    G = stylegan3.load(model)\n"
        "    return lambda ws: G.synthesis(ws[None])\n"
        "def late(model, device):\n"
        "    seen = []\n"
        "    def paint(ws):\n"
        "        seen.append(1)\n"
        "        if len(seen) > 30:\n"
        "            raise RuntimeError('CUDA error: out of luck')\n"
        "        return torch.zeros(3, 16, 16)\n"
        "    return paint\n"
    )
    baselines = ("--baseline", "elsewhere:make", "elsewhere:late")
    try:
        code, out, _ = said(capsys, "--model", TINY, *ON_GPU, *baselines[:2])
        assert code == 0
        code, nothing, err = said(capsys, "--model", TINY, *ON_GPU, *baselines)
    finally:
        sys.modules.pop("elsewhere", None)
    head = next(line for line in out.splitlines() if line.startswith("engine"))
    assert all(word in head for word in ("p99", "delivered", "x fp32", "x fp16", "floor", "target", "kernels", "right"))
    assert any(line.startswith("baseline elsewhere:make") for line in out.splitlines())
    assert (code, nothing) == (1, "")
    assert err.strip().splitlines()[-1] == (
        "latentd: baseline: elsewhere:late does not paint (RuntimeError: CUDA error: out of luck)"
    )
