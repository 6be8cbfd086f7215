"""What tests of flows need: laws to subclass, a sampling loop for oracle networks, bounds for statistics.

Import it from tests only: it needs the extra `testing`, `./packages/flows[testing]`.
"""

from epitaxy.flows.testing.beliefs import WatchedBelief
from epitaxy.flows.testing.laws import FlowLaws
from epitaxy.flows.testing.oracle import Oracle, sample
from epitaxy.flows.testing.statistics import kolmogorov_bound, kolmogorov_distance

__all__ = ["FlowLaws", "Oracle", "WatchedBelief", "kolmogorov_bound", "kolmogorov_distance", "sample"]
