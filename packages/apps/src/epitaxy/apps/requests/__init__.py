"""What may be asked of a model, and what comes back: requests, elements, sizes, starts, samples."""
