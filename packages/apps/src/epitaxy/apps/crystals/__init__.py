"""Crystals by their atoms: CrysBFN and KLDM."""
