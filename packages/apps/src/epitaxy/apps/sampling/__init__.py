"""The sampler, written once for every model."""
