"""Words into sources of candidates, checked: who proposes, and which compositions."""

from collections.abc import Sequence
from dataclasses import dataclass

from epitaxy.apps.discovery.options import SOURCES, SearchOptions
from epitaxy.apps.discovery.proposals.compositions import stoichiometries
from epitaxy.apps.discovery.proposals.groups import possible_in, units_in, why_no_group
from epitaxy.apps.discovery.proposals.models import Sampling, model_proposer
from epitaxy.apps.discovery.proposals.proposal import Proposer
from epitaxy.apps.discovery.proposals.prototypes import prototype_proposer
from epitaxy.apps.discovery.proposals.random import random_proposer, require_pyxtal
from epitaxy.apps.discovery.question import Amounts, Question, formula_of
from epitaxy.apps.discovery.reference import Reference
from epitaxy.apps.foundation.errors import UsageError, WorkError
from epitaxy.apps.foundation.messages import notify
from epitaxy.apps.requests.capabilities import Capability, capability_of, shipped_capabilities

_OTHERWISE = "--proposals prototypes,random searches without models"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Who proposes what.

    Attributes:
        models: those that serve.
        kinds: of sources that take part.
        compositions: what is looked at, most promising first; one, for a formula.
    """

    models: Sequence[Capability]
    kinds: Sequence[str]
    compositions: Sequence[Amounts]


def serving(options: SearchOptions, question: Question) -> list[Capability]:
    """Return the models that can serve: those that are named, or all shipped ones that can.

    Raises:
        UsageError: one that is named cannot, or none can.
    """
    if "models" not in (options.proposals or SOURCES):
        return []
    if options.models:
        named = [capability_of(name) for name in dict.fromkeys(options.models)]
        for one in named:
            if reason := _why_not(one, question):
                raise UsageError(f"--model {one.name} {reason}, and {question.title} is asked for")
        return named
    shipped = shipped_capabilities()
    able = [one for one in shipped if _why_not(one, question) is None]
    if not able:
        reasons = "; ".join(f"{one.name} {_why_not(one, question)}" for one in shipped if one.makes_crystals)
        raise UsageError(f"no model knows {question.title} ({reasons}): {_OTHERWISE}")
    return able


def _why_not(model: Capability, question: Question) -> str | None:
    return _why_not_these(model, question) or why_no_group(model, question)


def _why_not_these(model: Capability, question: Question) -> str | None:
    """Say why it cannot make a composition, or crystals of the elements."""
    if not question.is_system:
        return model.why_not(formula_of(question.amounts or {}))
    if not model.makes_crystals:
        return "makes molecules"
    from pymatgen.core import Element

    if unknown := model.unknown(Element(symbol).Z for symbol in question.elements):
        return f"was not trained on {', '.join(unknown)}"
    smallest = len(question.elements)
    if model.sizes is not None and max(model.sizes) < 2 * smallest and model.takes_formulas:
        return f"was trained on cells of {model.span()} atoms alone"
    return None


def planned(options: SearchOptions, question: Question, reference: Reference) -> Plan:
    """Decide who takes part and what is looked at.

    Raises:
        UsageError: a source that is named has nothing to propose.
        WorkError: one that is named is not installed.
    """
    asked = list(options.proposals) or list(SOURCES)
    compositions = [question.amounts] if question.amounts else _compositions(question, reference)
    kinds = []
    for kind in SOURCES:
        if kind not in asked:
            continue
        if kind == "prototypes" and not any(reference.of_type(amounts) for amounts in compositions):
            missing = f"{reference.source} has no crystal of the type of {question.text} as a prototype"
            if options.proposals:
                raise UsageError(f"{missing}: name other known crystals with --reference")
            notify(f"{missing}; going on without")
            continue
        if kind == "random" and not _random_serves(options, question, compositions):
            continue
        kinds.append(kind)
    models = serving(options, question)
    if models and not options.models:
        able = [one for one in shipped_capabilities() if _why_not_these(one, question) is None]
        if others := [one.name for one in able if one not in models]:
            notify(f"without {', '.join(others)}: they cannot be asked for {question.title}")
    return Plan(models=models, kinds=kinds, compositions=compositions)


def _random_serves(options: SearchOptions, question: Question, compositions: Sequence[Amounts]) -> bool:
    """Whether random structures can be made; where they cannot and are not named, say why.

    Raises:
        UsageError: they are named, and no cell of any composition fits the space group.
        WorkError: they are named, and PyXtal is not installed.
    """
    try:
        require_pyxtal()
        if question.group is not None and not any(
            units_in(question.group, amounts, options.max_atoms) for amounts in compositions
        ):
            raise UsageError(
                f"no cell of up to {options.max_atoms} atoms fits {question.title}: raise --max-atoms"
            )
    except (WorkError, UsageError) as error:
        if options.proposals:
            raise
        notify(f"without random structures: {error}")
        return False
    return True


def _compositions(question: Question, reference: Reference) -> list[Amounts]:
    known = [reference.amounts[n] for n in reference.within(question.elements)]
    return stoichiometries(question.elements, known)


def proposers(options: SearchOptions, question: Question, plan: Plan, reference: Reference) -> list[Proposer]:
    """Make the sources of a plan; nothing heavy is loaded before they are asked."""
    found: list[Proposer] = []
    sampling = Sampling(seed=options.seed, steps=options.steps, device=options.device)
    for model in plan.models:
        possible = _possible(model, question, plan.compositions)
        if possible or model.task == "dng":
            found.append(model_proposer(model, question, possible, sampling))
    if "prototypes" in plan.kinds:
        some = [amounts for amounts in plan.compositions if reference.of_type(amounts)]
        found.append(prototype_proposer(reference, some, group=question.group))
    if "random" in plan.kinds:
        found.append(
            random_proposer(
                plan.compositions, max_atoms=options.max_atoms, seed=options.seed, group=question.group
            )
        )
    return found


def _possible(model: Capability, question: Question, compositions: Sequence[Amounts]) -> list[str]:
    """Return the compositions that a model can be asked for; none of one that chooses itself."""
    if not model.takes_formulas or (question.is_system and model.task == "dng"):
        return []
    known = [amounts for amounts in compositions if model.why_not(formula_of(amounts)) is None]
    return [formula_of(amounts) for amounts in possible_in(model, known, question.group)]
