"""CrysBFN: train, sample and score generative models of crystals."""
