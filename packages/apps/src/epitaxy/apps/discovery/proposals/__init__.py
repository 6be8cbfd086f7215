"""Where candidates come from: models, known structure types, symmetric random structures."""
