"""Bayesian flows and diffusions, of circular, real and categorical variables, under one protocol."""

from epitaxy.flows.bank import TrajectoryBank
from epitaxy.flows.categorical import CategoricalBFN
from epitaxy.flows.circular import CircularBFN, CircularState
from epitaxy.flows.gaussian import GaussianBFN
from epitaxy.flows.kinetic import CorruptedKineticState, KineticDiffusion, KineticState
from epitaxy.flows.product import Level, ProductFlow, Refreshable
from epitaxy.flows.protocol import Collective, Correcting, Features, Flow
from epitaxy.flows.schedules import EntropySchedule

__all__ = [
    "CategoricalBFN",
    "CircularBFN",
    "CircularState",
    "Collective",
    "Correcting",
    "CorruptedKineticState",
    "EntropySchedule",
    "Features",
    "Flow",
    "GaussianBFN",
    "KineticDiffusion",
    "KineticState",
    "Level",
    "ProductFlow",
    "Refreshable",
    "TrajectoryBank",
]
