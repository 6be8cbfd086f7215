import subprocess
import sys


def test_geometry_needs_neither_hypothesis_nor_torch_geometric():
    heavy = ["hypothesis", "torch_geometric", "scipy", "pymatgen", "pytest"]
    code = f"import sys, epitaxy.geometry; sys.exit(', '.join(set(sys.modules) & set({heavy})) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
