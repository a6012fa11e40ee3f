"""A status as Prometheus text, exposition format 0.0.4.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

from daemon.status import FrameTimes, Latency, SinkStatus, Status

Labels: TypeAlias = tuple[tuple[str, str], ...]
Kind: TypeAlias = Literal["counter", "gauge"]


def metrics(status: Status, viewers: int) -> str:
    """Every counter and gauge, each with its help."""
    times, latency, audio = status.frame_ms, status.latency_ms, status.audio
    lines = [
        *_one("info", "gauge", "1, with the version and the model", 1, version=status.version, model=status.model.name),
        *_one("uptime_seconds", "gauge", "since start", status.uptime_s),
        *_one("frames_total", "counter", "pictures rendered", status.frame_index),
        *_one("ticks_skipped_total", "counter", "ticks that passed without a picture", status.ticks_skipped),
        *_one("fps", "gauge", "pictures a second over the last five seconds", status.fps),
        *_many(
            "frame_seconds",
            "gauge",
            "time to render a picture, over the last 600",
            ((_label(quantile=q), v / 1e3) for q, v in _quantiles(times)),
        ),
        *_many(
            "latency_seconds",
            "gauge",
            "from the end of a sound to the first picture that shows it",
            ((_label(quantile=q), v / 1e3) for q, v in _quantiles(latency)),
        ),
        *_one("audio_ok", "gauge", "1 while sound comes in", audio.state in ("ok", "silent")),
        *_one("audio_gate_open", "gauge", "1 while the sound is loud enough to react to", audio.gate_open),
        *(_one("audio_rms_db", "gauge", "loudness, dBFS", audio.rms_db) if audio.rms_db is not None else ()),
        *_one("audio_overruns_total", "counter", "times sound was lost because nobody took it", audio.overruns),
        *_one("audio_reconnects_total", "counter", "times the sound came back", audio.reconnects),
        *_sinks(status),
        *_many(
            "osc_messages_total",
            "counter",
            "OSC messages",
            ((_label(outcome=name), float(count)) for name, count in status.osc.model_dump().items()),
        ),
        *_one("viewers", "gauge", "browsers watching the stream", viewers),
    ]
    return "\n".join(lines) + "\n"


def _sinks(status: Status) -> Iterable[str]:
    kinds = [sink.name for sink in status.sinks]
    # there may be several of a kind: they are counted, for no two series may have the same labels
    labels = [_label(sink=name, index=str(kinds[:i].count(name))) for i, name in enumerate(kinds)]

    def each(name: str, kind: Kind, text: str, value: Callable[[SinkStatus], float | None]) -> Iterable[str]:
        values = ((at, value(sink)) for at, sink in zip(labels, status.sinks, strict=True))
        return _many(f"sink_{name}", kind, text, [(at, v) for at, v in values if v is not None])

    yield from each("ok", "gauge", "1 while a sink takes pictures", lambda sink: sink.state == "ok")
    yield from each("published_total", "counter", "pictures handed over", lambda sink: sink.published)
    yield from each("replaced_total", "counter", "pictures a sink was too slow for", lambda sink: sink.replaced)
    yield from each("errors_total", "counter", "times a sink was lost", lambda sink: sink.errors)
    yield from each("latency_ms", "gauge", "milliseconds from rendered to handed over", lambda sink: sink.latency_ms)


def _quantiles(times: FrameTimes | Latency | None) -> Iterable[tuple[str, float]]:
    """Quantiles by their Prometheus names, milliseconds."""
    names = {"p50": "0.5", "p95": "0.95", "p99": "0.99", "max": "1"}
    return ((names[name], ms) for name, ms in times.model_dump().items()) if times is not None else ()


def _one(name: str, kind: Kind, text: str, value: float, **labels: str) -> Iterable[str]:
    return _many(name, kind, text, [(_label(**labels), value)])


def _many(name: str, kind: Kind, text: str, samples: Iterable[tuple[Labels, float]]) -> Iterable[str]:
    rows = [f"latentd_{name}{_labels(labels)} {float(value):.10g}" for labels, value in samples]
    if rows:
        yield from (f"# HELP latentd_{name} {text}", f"# TYPE latentd_{name} {kind}", *rows)


def _label(**labels: str) -> Labels:
    return tuple(labels.items())


def _labels(labels: Labels) -> str:
    quoted = (f'{key}="{_escaped(value)}"' for key, value in labels)
    return f"{{{','.join(quoted)}}}" if labels else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
