"""Space groups and Wyckoff positions in plain torch: exact tables, and batched operations on them.

`space_group` gives one group in integers, by its number or a symbol, `wyckoff_table` all 1,731 positions as
tensors for batches. With it, `assign_wyckoff`, `project_to_wyckoff` and `expand_orbits` lead from the
predictions of a network to the atoms of a crystal that has the group's symmetry, and `lattice_from_k` of
`constrain_k` makes its cell.
`WyckoffBatch` holds crystals as space groups and occupied positions.
Neither pymatgen nor a crystallography package is needed.

The table is frozen: the same in every release with the same `TABLE_VERSION`, whatever else is installed.
"""

from epitaxy.geometry.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__)
