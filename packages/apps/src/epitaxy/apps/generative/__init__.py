"""What every model is, whatever it generates: the contracts that the other floors are written against."""
