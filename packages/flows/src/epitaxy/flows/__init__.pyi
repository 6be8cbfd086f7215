from epitaxy.flows._bins import bin_centre
from epitaxy.flows.absorbing import AbsorbingDiffusion
from epitaxy.flows.bank import TrajectoryBank
from epitaxy.flows.categorical import CategoricalBFN
from epitaxy.flows.circular import CircularBFN, CircularState
from epitaxy.flows.codebook import CodebookDiffusion
from epitaxy.flows.discretised import DiscretisedGaussianBFN
from epitaxy.flows.gaussian import GaussianBFN
from epitaxy.flows.inpainted import Inpainted
from epitaxy.flows.kinetic import KineticDiffusion
from epitaxy.flows.kinetic_state import CorruptedKineticState, KineticState
from epitaxy.flows.label_values import LabelValues
from epitaxy.flows.limits import Limitable, Limits
from epitaxy.flows.mass_centred import MassCentred
from epitaxy.flows.noise_schedules import LinearBeta, NoiseSchedule
from epitaxy.flows.pinned import Pinned
from epitaxy.flows.product import Level, ProductFlow, Refreshable
from epitaxy.flows.protocol import Collective, Componentwise, Correcting, Features, Flow, Tempered
from epitaxy.flows.schedules import EntropySchedule
from epitaxy.flows.variance_preserving import VariancePreserving

__all__ = [
    "AbsorbingDiffusion",
    "CategoricalBFN",
    "CircularBFN",
    "CircularState",
    "CodebookDiffusion",
    "Collective",
    "Componentwise",
    "Correcting",
    "CorruptedKineticState",
    "DiscretisedGaussianBFN",
    "EntropySchedule",
    "Features",
    "Flow",
    "GaussianBFN",
    "Inpainted",
    "KineticDiffusion",
    "KineticState",
    "LabelValues",
    "Level",
    "Limitable",
    "Limits",
    "LinearBeta",
    "MassCentred",
    "NoiseSchedule",
    "Pinned",
    "ProductFlow",
    "Refreshable",
    "Tempered",
    "TrajectoryBank",
    "VariancePreserving",
    "bin_centre",
]
