"""What the user typed, for the commands that every model or every evaluation has alike."""

from dataclasses import asdict, dataclass
from typing import Any

from epitaxy.apps.cli import options as opt


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """What is typed after ``sample`` of any model, besides what is asked for."""

    model: opt.Model
    out: opt.OutFolder
    steps: opt.Steps = None
    sampler: opt.Sampler = None
    temperature: opt.Temperature = None
    seed: opt.Seed = 0
    batch_size: opt.BatchSize = None
    redraws: opt.Redraws = None
    device: opt.Device = "auto"
    compile: opt.Compile = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Elements:
    """Which elements samples may have."""

    elements: opt.Elements = None
    chemical_system: opt.ChemicalSystem = None
    without: opt.Without = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The structure that samples begin from."""

    like: opt.Like = None
    strength: opt.Strength = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inpainting:
    """The structure of which a part is kept."""

    fix: opt.Fix = None
    free: opt.Free = None
    free_what: opt.FreeWhat = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Known crystals whose compositions are predicted."""

    compositions: opt.Compositions = None
    split: opt.Split = "test"
    limit: opt.Limit = None
    root: opt.Root = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Properties that samples should have."""

    property: opt.Properties = None
    guidance: opt.Guidance = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What is typed after ``train``, besides the task."""

    out: opt.RunFolder
    data: opt.Data = None
    preset: opt.Preset = None
    begin: opt.From = None
    set: opt.Overrides = None
    root: opt.Root = None
    resume: opt.Resume = False
    max_time: opt.MaxTime = None
    device: opt.Device = "auto"
    devices: opt.Devices = 1
    nodes: opt.Nodes = 1
    precision: opt.Precision = "32-true"
    compile: opt.Compile = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """How candidates are relaxed, and which are listed."""

    potential: opt.Potential = "chgnet"
    hull: opt.Hull = None
    format_: opt.Formats = None
    window: opt.Window = 0.1
    fmax: opt.LargestForce = 0.025
    pressure: opt.Pressure = 0.0

    def told(self) -> dict[str, Any]:
        """Return these by name, with the formats that are meant where none is named."""
        words = asdict(self)
        return words | {"formats": tuple(words.pop("format_") or ["cif"])}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """What is typed after every evaluation: where to work, what to write."""

    workers: opt.AnyWorkers = None
    timeout: opt.Timeout = None
    cache: opt.Cache = None
    no_cache: opt.NoCache = False
    json: opt.Json = None
    html: opt.Html = None
    card: opt.Card = None
