"""``epitaxy eval`` and ``epitaxy relax``: scores on the terminal, as JSON, as a page, on a model card."""
