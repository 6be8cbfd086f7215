"""Crystals by their asymmetric units: SymmBFN."""
