"""Crystal structure prediction: match rate and RMSE, METRe and cRMSE under named protocols."""

from epitaxy.eval.csp.consensus import agreement
from epitaxy.eval.csp.everyone import match_everyone
from epitaxy.eval.csp.everyone_result import EveryoneResult, FoundReference, Generated
from epitaxy.eval.csp.match import match_csp
from epitaxy.eval.csp.pair import PairOutcome, PairStatus
from epitaxy.eval.csp.protocols import PROTOCOLS, CSPProtocol, ValidityRule, csp_protocol
from epitaxy.eval.csp.result import CSPResult, ReferenceMatch

__all__ = [
    "PROTOCOLS",
    "CSPProtocol",
    "CSPResult",
    "EveryoneResult",
    "FoundReference",
    "Generated",
    "PairOutcome",
    "PairStatus",
    "ReferenceMatch",
    "ValidityRule",
    "agreement",
    "csp_protocol",
    "match_csp",
    "match_everyone",
]
