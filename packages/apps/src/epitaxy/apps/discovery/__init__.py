"""From a formula, or a set of elements, to a ranked shortlist of relaxed crystals."""
