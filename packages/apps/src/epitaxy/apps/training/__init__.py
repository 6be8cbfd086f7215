"""The trainer, written once for every model."""
