"""Which relaxed samples are the same crystal, and which of them are known phases."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pymatgen.core.structure import Structure

from epitaxy.eval.dng.duplicates import Duplicates, find_duplicates
from epitaxy.eval.stability.batch import Work
from epitaxy.eval.stability.potential import Relaxed

COMPARISON_LIMIT = 300.0
"""Seconds of processor time for one sample against all others of its composition, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What is said of the relaxed samples, by id.

    Attributes:
        unique: Whether it stands for its kind: the lowest in energy of those that are the same crystal. What
            could not be compared stands for itself.
        novel: Whether no training crystal is the same; None without training crystals. What could not be
            compared is not novel.
        known: The ids of known phases.
        same_as: Who stands for it, of those that do not stand for themselves.
        copies: Who is stood for.

    """

    unique: Mapping[str, bool] | None
    novel: Mapping[str, bool] | None
    known: Mapping[str, str] = field(default_factory=dict)
    same_as: Mapping[str, str] = field(default_factory=dict)
    copies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def judge(
    relaxed: Mapping[str, Relaxed],
    *,
    train: Mapping[str, Structure] | None = None,
    phases: Mapping[str, Structure | None] | None = None,
    work: Work | None = None,
) -> Labels:
    """Compare relaxed samples with each other, with training crystals and with other known phases.

    The same crystal means pymatgen's default matcher (:func:`find_duplicates`).

    Args:
        relaxed: The samples that could be relaxed, by id.
        train: The training crystals, which say what is novel; None if they are not known.
        phases: Further known phases, such as a hull's: they give names, and play no part in what is novel.
        work: Where and how it is done.

    Raises:
        ValueError: If a setting makes no sense or the cache cannot be used.
        RuntimeError: If no worker can start.

    """
    found = _compared(relaxed, train, phases, work or Work())
    known = dict(found.known or {})
    classes = found.classes()
    novel = None
    if train is not None:
        novel = {
            name: name in found.representative and (name not in known or known[name] not in train)
            for name in relaxed
        }
    return Labels(
        unique={name: found.representative.get(name, name) == name for name in relaxed},
        novel=novel,
        known=known,
        same_as={name: first for name, first in found.representative.items() if name != first},
        copies={first: names[1:] for first, names in classes.items() if len(names) > 1},
    )


def _compared(
    relaxed: Mapping[str, Relaxed],
    train: Mapping[str, Structure] | None,
    phases: Mapping[str, Structure | None] | None,
    work: Work,
) -> Duplicates:
    """Compare, the lowest first; of what is known the training crystals come first."""
    order = sorted(relaxed, key=lambda name: (relaxed[name].enthalpy, name))
    known = None
    if train is not None or phases is not None:
        known = dict(train or {})
        known |= {n: s for n, s in (phases or {}).items() if s is not None and n not in known}
    report = work.progress
    return find_duplicates(
        {name: relaxed[name].structure for name in order},
        known,
        cache=work.cache,
        workers=work.workers,
        timeout_s=None if work.timeout_s is None else max(work.timeout_s, COMPARISON_LIMIT),
        progress=None if report is None else (lambda done, total: report("duplicates", done, total)),
    )
