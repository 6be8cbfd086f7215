"""The sentence at the top of an evaluation's page: what it says, in the figures that matter most."""

from collections.abc import Sequence

from epitaxy.apps.report.scores import Scored, interval_text, value_text

_WORDS = {
    "match_rate@1": "of the references are matched by the first prediction",
    "metre": "of the references are matched by any prediction of their composition",
    "structural_validity": "of the samples are structurally valid",
    "coverage_recall": "of the references are reached",
    "valid_unique_novel": "are valid, unique and novel",
    "molecule_stability": "of the molecules are stable",
    "validity": "are valid",
    "stable": "are below the hull",
    "metastable": "are at most 0.1 eV/atom above it",
    "converged": "of the relaxations converged",
}
"""How the page of any protocol begins: those of these that it has, in this order."""

_SAID = 3


def headline(sets: Sequence[Scored]) -> str:
    """Return a sentence a set; nothing of a set that has none of these figures."""
    return " ".join(sentence for scored in sets if (sentence := _sentence(scored)))


def _sentence(scored: Scored) -> str:
    report = scored.report
    known = [name for name in _WORDS if report.metrics.get(name) is not None][:_SAID]
    parts = []
    for name in known:
        interval = interval_text(report, name)
        within = f" (95 % interval {interval})" if interval else ""
        parts.append(f"{value_text(report, name)}{within} {_WORDS[name]}")
    return f"{scored.name}: {'; '.join(parts)}." if parts else ""
