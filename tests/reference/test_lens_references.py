"""StrongLens against converged images of 50 systems: caustic crossings and compact sources are among them."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.reference
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "strong_lens.py"
LIMITS = {"fast": (9e-3, 2e-2), "default": (3e-3, 8e-3), "high": (1e-3, 4e-3)}  # median, worst in units of the peak


@pytest.fixture(scope="module")
def benchmark():
    spec = importlib.util.spec_from_file_location("benchmark_strong_lens", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("accuracy", LIMITS)
@pytest.mark.parametrize("name", ["ground64_gauss", "ground64_moffat", "hst100_gauss"])
def test_stated_accuracy_holds(shared_bench, benchmark, name, accuracy):
    reference = np.load(shared_bench / f"w2_ref_{name}_seed2.npy")
    labels = benchmark.labels_of(benchmark.load(shared_bench, "common").w2_params(benchmark.SYSTEMS), len(reference))
    images = benchmark.simulator_of(name, accuracy).render(labels)["image"].values[:, 0]
    median, worst = benchmark.errors(images, reference)
    print(f"{name} {accuracy}: median {median:.1e}, worst {worst:.1e} of the peak")
    assert median <= LIMITS[accuracy][0]
    assert worst <= LIMITS[accuracy][1]
