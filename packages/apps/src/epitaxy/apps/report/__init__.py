"""Self-contained HTML pages: figures and rotatable structures, readable without a network."""
