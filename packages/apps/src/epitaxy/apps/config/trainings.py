"""The trainings that small presets of all models share."""

from epitaxy.apps.config.training import CosineSchedule, TrainingConfig, TrapezoidSchedule

MUON_TRAINING = TrainingConfig(
    passes=60,
    batch_size=256,
    learning_rate=2e-3,
    optimiser="muon",
    schedule=TrapezoidSchedule(warmup_steps=300, cooldown=0.3),
    gradient_clip=1.0,
    averaging=0.999,
    validate_every=4,
    validation_crystals=1024,
)
"""An hour and a half on one CPU core for mp_20; chosen by `benchmarks/budget.py` (docs/results)."""

QUICK_TRAINING = TrainingConfig(
    passes=120,
    batch_size=64,
    learning_rate=2e-3,
    schedule=CosineSchedule(warmup_steps=50),
    gradient_clip=1.0,
    averaging=0.99,
    validate_every=10,
    validation_crystals=256,
    checkpoint_steps=100,
)
"""Two minutes on two CPU cores on the embedded crystals."""
