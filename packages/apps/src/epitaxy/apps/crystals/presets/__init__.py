"""The presets of CrysBFN and KLDM."""
