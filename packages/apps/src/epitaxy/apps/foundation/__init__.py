"""The lowest floor: names, files, messages, progress, devices. Nothing here is heavy to import."""
