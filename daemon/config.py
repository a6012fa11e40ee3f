"""Installation state: what is plugged in where. One YAML file; flags on the command line go over it."""

import math
import os
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from daemon import document
from daemon.flow import Fit, Framing
from daemon.show.section import ShowSection

SHORTEST_HOP = 0.002  # s: a look takes a quarter of this or more
ASSETS = Path(__file__).parent / "assets"


def home() -> Path:
    """Where the user's presets, models, takes and the last state live; LATENTD_HOME overrides."""
    override = os.environ.get("LATENTD_HOME")
    return Path(override) if override else Path(platformdirs.user_data_dir("latentd", appauthor=False))


def shipped_presets() -> Path:
    """The presets that come with the package: inside it when installed, beside it in a checkout."""
    inside = ASSETS / "presets"
    return inside if inside.is_dir() else ASSETS.parent.parent / "presets"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _network(written: object) -> IPv4Network:
    """192.168.1.0/24, 192.168.1.7 or, as people write it, 192.168.1.7/24."""
    try:
        return written if isinstance(written, IPv4Network) else IPv4Network(str(written), strict=False)
    except ValueError:
        raise ValueError("an IPv4 address or network such as 192.168.1.7 or 192.168.1.0/24") from None


class Osc(_Part):
    """Where control comes in and where state goes."""

    host: str = Field(
        default="127.0.0.1", description="address to listen on; anything but loopback opens the daemon to the network"
    )
    port: int = Field(default=7770, ge=0, le=65535, description="UDP port in; 0 takes a free one")
    reply_host: str = Field(default="127.0.0.1", description="the subscriber that is always there")
    reply_port: int = Field(default=7771, ge=0, le=65535, description="its port; 0 for none")
    features_hz: float = Field(default=20.0, ge=0, le=120, description="how often /latentd/audio/* is sent; 0 never")
    allow: tuple[Annotated[IPv4Network, BeforeValidator(_network)], ...] = Field(
        default=(),
        max_length=64,
        description="beyond loopback: the addresses and networks that are obeyed, beside this machine; others are not",
    )


class Oscquery(_Part):
    """OSC addresses told over HTTP, for programs that look up what there is to control. It listens where OSC does."""

    enable: bool = Field(default=True, description="whether they are told at all")
    port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="TCP port; if absent OSC's own number, or a free one where it is taken",
    )
    announce: bool = Field(default=True, description="whether to be found by zeroconf, where OSC listens")
    name: str = Field(default="latentd", pattern=r"^[A-Za-z0-9 _-]{1,40}$", description="what it is found as")


class Http(_Part):
    """The monitor page."""

    host: str = Field(default="127.0.0.1", description="address to listen on; beyond loopback a token is needed")
    port: int = Field(default=7780, ge=0, le=65535, description="TCP port; 0 takes a free one")
    token: str | None = Field(default=None, min_length=8, description="asked for beyond loopback")


class Analysis(_Part):
    """How sound is looked at. Everything else is in seconds, so pieces play alike on any of these grids."""

    sr: Literal[44_100, 48_000, 96_000] = Field(default=48_000, description="samples a second, Hz")
    hop: int = Field(default=480, ge=64, le=4096, description="samples from one look to the next")
    window: Literal[512, 1024, 2048, 4096] = Field(default=1024, description="samples looked at")
    bands: int = Field(default=8, ge=1, le=64, description="mel bands, 20 Hz to 16 kHz")
    beat: Literal["sound", "link"] = Field(
        default="sound", description="where the beat comes from: the sound, or an Ableton Link session (an extra)"
    )

    @model_validator(mode="after")
    def _is_slow_enough(self) -> "Analysis":
        if self.hop < SHORTEST_HOP * self.sr:
            least = math.ceil(SHORTEST_HOP * self.sr)
            raise ValueError(
                f"a hop of {self.hop} at {self.sr} Hz is more than a core can keep up with: {least} at least"
            )
        return self


class Tcp(_Part):
    """Raw latents as a stream: z_dim little-endian float32 a vector, added to the seed's z."""

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int | None = Field(default=None, ge=0, le=65535, description="TCP port, 65431 by custom; none if absent")


def _peer(written: object) -> str:
    """192.168.1.7, 192.168.1.7:7800 or 192.168.1.0/24."""
    host, colon, port = str(written).partition(":")
    try:
        network = IPv4Network(host, strict=False)
        if colon and ("/" in host or not 1 <= int(port) <= 65_535):
            raise ValueError
    except ValueError:
        raise ValueError("an IPv4 address or network: 192.168.1.7, 192.168.1.7:7800 or 192.168.1.0/24") from None
    return f"{network if '/' in host else network[0]}{colon}{port}"


def _group(written: str) -> str:
    """239.77.77.72: of those that no router passes on."""
    try:
        inside = IPv4Network(written).subnet_of(IPv4Network("239.0.0.0/8"))
    except ValueError:
        inside = False
    if not inside or "/" in written:
        raise ValueError("a multicast address from 239.0.0.0 to 239.255.255.255, such as 239.77.77.72")
    return written


class Sync(_Part):
    """A wall of screens: one daemon leads, the others show what it shows, at the same moment."""

    role: Literal["off", "leader", "follower"] = Field(default="off", description="what this daemon is in the wall")
    name: str = Field(default="", max_length=64, pattern=r"^[ -~]*$", description="its name; the machine's if absent")
    host: str = Field(
        default="127.0.0.1", description="address of this machine that the others reach; loopback is this machine alone"
    )
    port: int = Field(default=7772, ge=0, le=65535, description="UDP port, the same on all machines")
    peers: tuple[Annotated[str, BeforeValidator(_peer)], ...] = Field(
        default=(),
        max_length=64,
        description="leader: the followers, with :port where it is another; follower: who may lead, and networks, too",
    )
    group: Annotated[str, AfterValidator(_group)] | None = Field(
        default=None, description="multicast group to use in place of a list of followers, such as 239.77.77.72"
    )
    key: str | None = Field(
        default=None,
        min_length=8,
        max_length=256,
        description="a secret that all share; what lacks it is left out",
    )
    delay: float = Field(
        default=0.04, ge=0, le=1, description="leader: seconds from a tick to its picture on every screen, at least"
    )


SMALLEST, LARGEST = 16, 4096  # px, each side of a frame


def frame_size(written: object) -> tuple[int, int] | None:
    """Width and height of frames, px, of 512 (a square), 1920x1080 or a pair; ValueError for all else."""
    if written is None:
        return None
    if isinstance(written, tuple | list):
        sides = list(written)
    elif isinstance(written, str):
        words = written.strip()[:40].lower().split("x")
        sides = [int(word) if word.isascii() and word.isdecimal() else None for word in words]
    else:
        sides = [written]
    pair = sides * 2 if len(sides) == 1 else sides
    if len(pair) != 2 or not all(type(side) is int and SMALLEST <= side <= LARGEST for side in pair):
        raise ValueError(f"{SMALLEST} to {LARGEST} pixels: 512 for a square, or 1920x1080")
    return pair[0], pair[1]


class Output(_Part):
    """How a model's picture becomes the frame that sinks get."""

    fit: Fit = Field(
        default=Fit.LETTERBOX,
        description="into a frame of another shape: letterbox shows all of the picture, cover fills all of the frame, "
        "stretch does both",
    )
    alpha: Literal["opaque", "luma", "own"] = Field(
        default="opaque",
        description="opaque; luma: dark is transparent; own: the alpha that a network of four channels paints",
    )
    key: tuple[float, float] = Field(
        default=(0.02, 0.15), description="luma: of 0..1, up to the first transparent, from the second on opaque"
    )
    zerocopy: bool = Field(
        default=False,
        description="spout: from the GPU without a way through host memory, where that proves to work (an extra)",
    )

    @model_validator(mode="after")
    def _rises(self) -> "Output":
        low, high = self.key
        if not 0 <= low < high <= 1:
            raise ValueError(f"key: [{low:g}, {high:g}] does not rise within 0..1; [0.02, 0.15] does")
        return self


class Encodec(_Part):
    """The network that the mapper `encodec` listens with."""

    weights: str | None = Field(
        default=None,
        max_length=1024,
        description="a folder in the layout of the transformers library, or facebook/encodec_24khz to download it",
    )


class Config(_Part):
    """Everything about one installation."""

    version: Literal[1]
    source: str = Field(default="device", description="where sound comes from")
    sinks: tuple[str, ...] = Field(default=("auto",), min_length=1, max_length=8, description="where pictures go")
    model: str | None = Field(default=None, description="a bundled name, a .safetensors or an official .pkl")
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="what renders")
    engine: str = Field(
        default="auto",
        max_length=40,
        description="how a network is computed, such as fused avx2 or torch; auto takes the fastest that is right",
    )
    threads: int | None = Field(
        default=None, ge=1, le=64, description="threads a network is computed with; as many as serve best if absent"
    )
    fps: float = Field(default=30.0, ge=1, le=240, description="pictures a second")
    size: Annotated[tuple[int, int] | None, BeforeValidator(frame_size)] = Field(
        default=None,
        description="of the frames handed to sinks, px: 512 for a square, or 1920x1080; the model's own if absent",
    )
    output: Output = Output()
    preset: str | None = Field(default=None, description="recalled at start; the last state if absent")
    analysis: Analysis = Analysis()
    encodec: Encodec = Encodec()
    osc: Osc = Osc()
    oscquery: Oscquery = Oscquery()
    tcp: Tcp = Tcp()
    http: Http = Http()
    sync: Sync = Sync()
    show: ShowSection = ShowSection()

    @property
    def framing(self) -> Framing:
        """How pictures become frames, before sinks were asked for the order they want."""
        return Framing(self.size, self.output.fit, transparency=self.output.alpha, key=self.output.key)


def load(path: Path | None) -> Config:
    """The file at `path`, or the user's config.yaml if there is one, or the defaults; `BadInput` names every fault."""
    if path is not None:
        return document.read(path, Config, "config")
    own = home() / "config.yaml"
    return document.read(own, Config, "config") if document.is_there(own) else Config(version=1)
