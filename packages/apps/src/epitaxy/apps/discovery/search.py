"""``epitaxy.apps.search``: the words of ``epitaxy search`` from Python."""

from collections.abc import Sequence
from pathlib import Path

from epitaxy.apps.discovery.options import BUDGET, SearchOptions
from epitaxy.apps.discovery.result import SearchResult
from epitaxy.apps.discovery.run import run_search


def search(
    question: str,
    *,
    out: str | Path,
    spacegroup: int | str | None = None,
    budget: float | int | str = BUDGET,
    num: int | None = None,
    proposals: str | Sequence[str] = (),
    model: str | Sequence[str] = (),
    reference: str | None = None,
    leave_out_known: bool = False,
    hull: str | None = None,
    potential: str = "chgnet",
    format: str | Sequence[str] = ("cif",),
    window: float = 0.1,
    rank_by: str = "probability",
    fmax: float = 0.025,
    max_steps: int = 300,
    pressure: float = 0.0,
    max_atoms: int = 20,
    seed: int = 0,
    steps: int | None = None,
    workers: int | None = None,
    device: str = "auto",
    root: str | Path | None = None,
) -> SearchResult:
    """Search crystals of a composition or of some elements: propose, relax, fold, rank.

    >>> from epitaxy.apps import search
    >>> found = search("SrTiO3", out="out", budget="00:10:00")  # doctest: +SKIP
    >>> found.finds[0].spacegroup, found.finds[0].candidate.enthalpy  # doctest: +SKIP

    Args:
        question: a formula such as ``SrTiO3``, or a chemical system such as ``Li-Fe-O``.
        spacegroup: number or symbol, such as ``"Pnma"``: candidates are proposed in this group, keep it while
            they relax, and are listed only if it is theirs (to 0.1 angstrom) in the end.
        out: folder of the results; the same search with the same folder goes on where it was.
        budget: wall-clock time in seconds or as ``HH:MM:SS``, all starts together.
        num: candidates after which no more are proposed.
        proposals: of ``models``, ``prototypes`` and ``random``; by default all that are available.
        model: names or folders of models; by default all shipped ones that can serve.
        reference: known crystals, for prototypes and comparison: a dataset's name or a path.
        leave_out_known: hide known crystals of just these elements, as if none was known.
        hull: known crystals, or a JSON file of entries, to tell energies above the hull by.
        potential: as :func:`epitaxy.eval.stability.load_potential` takes it.
        format: ``cif``, ``poscar`` or both, of the shortlist.
        window: eV/atom above the best, or above the hull, within which a candidate is listed.
        rank_by: ``probability`` to be the known crystal, from the energy and how often models and structure
            types led to it, or ``energy`` alone. A chemical system is ranked by energy.
        fmax: largest force, eV/angstrom, at which a candidate has converged.
        max_steps: steps after which a relaxation ends.
        pressure: GPa.
        max_atoms: atoms of the largest random cell.
        seed: the same seed proposes the same candidates.
        steps: network evaluations a sampled structure.
        workers: processes that relax; one a core by default, 0 for this process. With worker processes a
            script needs its own work under ``if __name__ == "__main__":``.
        device: where models sample.
        root: where datasets lie.

    Raises:
        UsageError: words that make no sense, before any work.
        WorkError: something is not installed, or nothing could be relaxed.
        KeyboardInterrupt: after what there is was written.
    """
    from epitaxy.apps.foundation.checks import budget_seconds

    return run_search(
        SearchOptions(
            question=question,
            spacegroup=spacegroup,
            out=Path(out),
            budget=budget_seconds(budget) if isinstance(budget, str) else float(budget),
            num=num,
            proposals=_list(proposals),
            models=_list(model),
            reference=reference,
            leave_out_known=leave_out_known,
            hull=hull,
            potential=potential,
            formats=_list(format),
            window=window,
            rank_by=rank_by,
            fmax=fmax,
            max_steps=max_steps,
            pressure=pressure,
            max_atoms=max_atoms,
            seed=seed,
            steps=steps,
            workers=workers,
            device=device,
            root=None if root is None else Path(root),
        )
    )


def _list(options: str | Sequence[str]) -> tuple[str, ...]:
    """Return words given as a sequence, or as one text with commas."""
    if isinstance(options, str):
        return tuple(word.strip() for word in options.split(",") if word.strip())
    return tuple(options)
