"""Crystal structure prediction: match rate and RMSE under named protocols."""

from epitaxy.eval.csp.match import match_csp
from epitaxy.eval.csp.pair import PairOutcome, PairStatus
from epitaxy.eval.csp.protocols import PROTOCOLS, CSPProtocol, ValidityRule, csp_protocol
from epitaxy.eval.csp.result import CSPResult, ReferenceMatch

__all__ = [
    "PROTOCOLS",
    "CSPProtocol",
    "CSPResult",
    "PairOutcome",
    "PairStatus",
    "ReferenceMatch",
    "ValidityRule",
    "csp_protocol",
    "match_csp",
]
