"""Metrics for generated crystals, each under a named protocol.

Works on pymatgen structures in memory and knows no files: :mod:`epitaxy.data` reads them, the applications
join both.
"""

from epitaxy.eval.csp import (
    PROTOCOLS,
    CSPProtocol,
    CSPResult,
    EveryoneResult,
    FoundReference,
    Generated,
    PairOutcome,
    PairStatus,
    ReferenceMatch,
    ValidityRule,
    agreement,
    csp_protocol,
    match_csp,
    match_everyone,
)
from epitaxy.eval.dng import SampleValidity, ValidityResult, evaluate_validity
from epitaxy.eval.intervals import bootstrap_interval, wilson_interval
from epitaxy.eval.report import Report
from epitaxy.eval.resumable import joint_key, resume_map, structure_key
from epitaxy.eval.validity import (
    TABLE_NAMES,
    OxidationTable,
    Validity,
    compositional_validity,
    oxidation_table,
    structural_validity,
)

__all__ = [
    "PROTOCOLS",
    "TABLE_NAMES",
    "CSPProtocol",
    "CSPResult",
    "EveryoneResult",
    "FoundReference",
    "Generated",
    "OxidationTable",
    "PairOutcome",
    "PairStatus",
    "ReferenceMatch",
    "Report",
    "SampleValidity",
    "Validity",
    "ValidityResult",
    "ValidityRule",
    "agreement",
    "bootstrap_interval",
    "compositional_validity",
    "csp_protocol",
    "evaluate_validity",
    "joint_key",
    "match_csp",
    "match_everyone",
    "oxidation_table",
    "resume_map",
    "structural_validity",
    "structure_key",
    "wilson_interval",
]
