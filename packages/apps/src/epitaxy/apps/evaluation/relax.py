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
from epitaxy.apps.evaluation.settings import Labour, Outputs, check_writable, sentences, stages
from epitaxy.apps.evaluation.shortlist import SHORTLIST_FORMATS, write_shortlist
from epitaxy.apps.foundation.checks import check_there, choose
from epitaxy.apps.foundation.errors import UsageError
from epitaxy.apps.foundation.messages import say
from epitaxy.apps.report.scores import Scored
from epitaxy.data import DATASETS, SPLITS, DataError, locate
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
class RelaxWords:
    """What the user typed after ``relax``."""

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
    labour: Labour
    outputs: Outputs


def run_relax(words: RelaxWords) -> None:
    """Relax samples, fold and rank them, write the table and the structures."""
    _check(words)
    potential, settings = _potential(words.potential), _settings(words)
    hull = _hull(words, potential)
    train = None if words.train is None else known_crystals(words.train, "train", words.root)
    read = samples_of(words.samples, words.split, words.root)
    whole = read.flat()
    samples = {n: whole[n] for n in drawn(whole, words.limit)}
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
                cache=words.labour.folder(),
                workers=words.labour.where(),
                timeout_s=words.labour.limit(RELAX_LIMIT),
                progress=progress,
            ),
        )
    _write(words, read, samples, result)


def _check(words: RelaxWords) -> None:
    if words.out.suffix not in FORMS:
        raise UsageError(f"--out {words.out}: end its name in {', '.join(FORMS)}, which says what to write")
    check_writable("--out", words.out)
    for form in words.formats:
        choose("--format", form, SHORTLIST_FORMATS)
    if not (isfinite(words.window) and words.window >= 0):
        raise UsageError(f"--window {words.window:g}: give eV/atom, 0 or more")
    if words.cifs is not None:
        check_writable("--cifs", words.cifs, folder=True)
        if words.cifs.is_dir() and any(words.cifs.iterdir()):
            raise UsageError(f"--cifs {words.cifs} is not empty: choose another folder")
    words.outputs.check()
    words.labour.check(RELAX_LIMIT)


def _potential(name: str) -> Potential:
    with sentences():
        try:
            return load_potential(name)
        except ValueError as error:
            raise UsageError(f"--potential {name}: {error}") from error


def _settings(words: RelaxWords) -> RelaxSettings:
    try:
        return RelaxSettings(
            fmax=words.fmax,
            max_steps=words.max_steps,
            pressure=words.pressure,
            keep_symmetry=words.keep_symmetry,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def _hull(words: RelaxWords, potential: Potential) -> Hull | References:
    """Return the phases of a file of entries, the crystals of a dataset, or nothing, said so."""
    if words.hull is None:
        return NO_HULL
    name, _ = divide(words.hull, words.split)
    check_there(name)
    if name not in DATASETS and Path(name).name.endswith((".json", ".json.gz")):
        try:
            hull = read_entries(Path(name), corrected=method_of(potential) != PBE_RAW)
            check_energies(hull, potential, _settings(words))
        except ValueError as error:
            raise UsageError(f"--hull {error}") from error
        return hull
    crystals = _all_splits(words.hull, words.root)
    return References(source=words.hull, structures=crystals)


def _all_splits(word: str, root: Path | None) -> Mapping[str, Structure]:
    """Return the crystals of all splits that are here, or of the one that is named."""
    name, _ = divide(word, "train")
    if name != word or not has_splits(name):
        return known_crystals(word, "train", root)
    found: dict[str, Structure] = {}
    here = []
    for split in SPLITS:
        try:
            locate(name, split, root=root)
        except DataError:
            continue
        found |= known_crystals(name, split, root)
        here.append(split)
    if not here:
        locate(name, "train", root=root)  # raises the sentence that says what is missing and the remedy
    say(f"the hull is built of {name}: {', '.join(here)}")
    return found


def _generation_seconds(read: Predictions, samples: int) -> float | None:
    each = None if read.summary is None else read.summary.get("seconds_per_sample")
    return None if each is None else float(each) * samples


def _write(
    words: RelaxWords, read: Predictions, samples: Mapping[str, Structure | None], result: StabilityResult
) -> None:
    rejects = {n: reason for n, reason in read.rejects().items() if n in samples}
    scored = Scored(
        name=words.samples, report=result.report(), rejects=rejects, extra={"candidates": result.rows()}
    )
    publish(
        [scored], words.outputs, samples=words.samples, title=f"Relaxed: {words.samples}",
        ahead=lambda: relax_sections(scored, result),
    )  # fmt: skip
    write_ranked(words.out, result, scored)
    say(f"{len(result.candidates)} samples, {len(result.ranked())} lines ranked in {words.out}")
    if words.cifs is not None:
        listed = result.shortlist(window=words.window)
        write_shortlist(words.cifs, listed, words.formats)
        say(f"{len(listed)} relaxed candidates in {words.cifs}")
