"""``epitaxy relax``: samples relaxed, compared with each other and a hull, ranked."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from pymatgen.core import Structure

from epitaxy.apps.evaluation.crystals import (
    divide,
    drawn,
    has_splits,
    known_crystals,
    samples_of,
)
from epitaxy.apps.evaluation.predictions import Predictions
from epitaxy.apps.evaluation.publish import publish
from epitaxy.apps.evaluation.ranked import FORMS, write_ranked
from epitaxy.apps.evaluation.relax_sections import relax_sections
from epitaxy.apps.evaluation.settings import Compute, Outputs, check_writable, sentences, stages
from epitaxy.apps.evaluation.shortlist import SHORTLIST_FORMATS, write_shortlist
from epitaxy.apps.foundation.checks import check_there, choose
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.report.scores import Scored
from epitaxy.data import DATASETS, locate
from epitaxy.data.locations import splits_here
from epitaxy.eval.stability import (
    NO_HULL,
    PBE_RAW,
    Hull,
    Potential,
    References,
    RelaxSettings,
    StabilityResult,
    Work,
    check_energies,
    evaluate_stability,
    load_potential,
    method_of,
    read_entries,
)

RELAX_LIMIT = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaxOptions:
    """What ``relax`` is asked to do."""

    samples: str
    out: Path
    cifs: Path | None
    formats: tuple[str, ...]
    window: float
    potential: str
    hull: str | None
    train: str | None
    split: str
    root: Path | None
    fmax: float
    max_steps: int
    pressure: float
    keep_symmetry: bool
    limit: int | None
    compute: Compute
    outputs: Outputs


def run_relax(options: RelaxOptions) -> None:
    """Relax samples, fold and rank them, write the table and the structures."""
    _check(options)
    potential, settings = _potential(options.potential), _settings(options)
    hull = _hull(options, potential)
    train = None if options.train is None else known_crystals(options.train, "train", options.root)
    read = samples_of(options.samples, options.split, options.root)
    whole = read.flat()
    samples = {n: whole[n] for n in drawn(whole, options.limit)}
    with sentences(), stages() as progress:
        result = evaluate_stability(
            samples,
            hull=hull,
            potential=potential,
            fold=True,
            train=train,
            generation_seconds=_generation_seconds(read, len(samples)),
            settings=settings,
            work=Work(
                cache=options.compute.folder(),
                workers=options.compute.where(),
                timeout_s=options.compute.limit(RELAX_LIMIT),
                progress=progress,
            ),
        )
    _write(options, read, samples, result)


def _check(options: RelaxOptions) -> None:
    if options.out.suffix not in FORMS:
        raise UsageError(f"--out {options.out}: end its name in {', '.join(FORMS)}, which says what to write")
    check_writable("--out", options.out)
    for form in options.formats:
        choose("--format", form, SHORTLIST_FORMATS)
    if not (isfinite(options.window) and options.window >= 0):
        raise UsageError(f"--window {options.window:g}: give eV/atom, 0 or more")
    if options.cifs is not None:
        check_writable("--cifs", options.cifs, folder=True)
        if options.cifs.is_dir() and any(options.cifs.iterdir()):
            raise UsageError(f"--cifs {options.cifs} is not empty: choose another folder")
    options.outputs.check()
    options.compute.check(RELAX_LIMIT)


def _potential(name: str) -> Potential:
    with sentences():
        try:
            return load_potential(name)
        except ValueError as error:
            raise UsageError(f"--potential {name}: {error}") from error


def _settings(options: RelaxOptions) -> RelaxSettings:
    try:
        return RelaxSettings(
            fmax=options.fmax,
            max_steps=options.max_steps,
            pressure=options.pressure,
            keep_symmetry=options.keep_symmetry,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def _hull(options: RelaxOptions, potential: Potential) -> Hull | References:
    """Return the phases of a file of entries, the crystals of a dataset, or nothing, said so."""
    if options.hull is None:
        return NO_HULL
    name, _ = divide(options.hull, options.split)
    check_there(name)
    if name not in DATASETS and Path(name).name.endswith((".json", ".json.gz")):
        try:
            hull = read_entries(Path(name), corrected=method_of(potential) != PBE_RAW)
            check_energies(hull, potential, _settings(options))
        except ValueError as error:
            raise UsageError(f"--hull {error}") from error
        return hull
    crystals = _all_splits(options.hull, options.root)
    return References(source=options.hull, structures=crystals)


def _all_splits(word: str, root: Path | None) -> Mapping[str, Structure]:
    """Return the crystals of all splits that are here, or of the one that is named."""
    name, _ = divide(word, "train")
    if name != word or not has_splits(name):
        return known_crystals(word, "train", root)
    found: dict[str, Structure] = {}
    here = splits_here(name, root=root)
    for split in here:
        found |= known_crystals(name, split, root)
    if not here:
        locate(name, "train", root=root)  # raises the sentence that says what is missing and the remedy
    notify(f"the hull is built of {name}: {', '.join(here)}")
    return found


def _generation_seconds(read: Predictions, samples: int) -> float | None:
    each = None if read.summary is None else read.summary.get("seconds_per_sample")
    return None if each is None else float(each) * samples


def _write(
    options: RelaxOptions, read: Predictions, samples: Mapping[str, Structure | None], result: StabilityResult
) -> None:
    rejects = {n: reason for n, reason in read.rejects().items() if n in samples}
    scored = Scored(
        name=options.samples, report=result.report(), rejects=rejects, extra={"candidates": result.rows()}
    )
    publish(
        [scored], options.outputs, samples=options.samples, title=f"Relaxed: {options.samples}",
        ahead=lambda: relax_sections(scored, result),
    )  # fmt: skip
    write_ranked(options.out, result, scored)
    notify(f"{len(result.candidates)} samples, {len(result.ranked())} lines ranked in {options.out}")
    if options.cifs is not None:
        listed = result.shortlist(window=options.window)
        write_shortlist(options.cifs, listed, options.formats)
        notify(f"{len(listed)} relaxed candidates in {options.cifs}")
