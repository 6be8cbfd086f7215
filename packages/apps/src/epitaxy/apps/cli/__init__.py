"""The command lines. Modules here import nothing heavy until a command runs."""
