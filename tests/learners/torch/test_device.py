"""How a process computes: memory that tensors give back is there for the next ones."""

import subprocess
import sys

import pytest

# In a process of its own: elsewhere something else may lie at the end of the heap, and nothing is given back then.
COUNT = """
import resource
import torch
from tunecurve.learners.torch.device import choose_compute

def faults(n_times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(n_times):
        tensors = [torch.ones(n * 256) for n in (200, 1000, 3500)]
        del tensors
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

choose_compute("cpu", 1)
faults(3)
print(faults(20))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="page faults are counted on Linux")
def test_memory_of_tensors_is_not_got_anew_page_by_page():
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    all_of_them = 20 * (200 + 1000 + 3500) // 4
    assert int(done.stdout) < all_of_them / 5  # 0.07, and 0.7 where what is freed is given back


WITHOUT_A_GPU = """
import sys
import torch
torch.cuda.is_available = torch.backends.mps.is_available = lambda: False
from tunecurve.errors import UsageError
from tunecurve.learners.registry import LearnerOptions, build_learners
try:
    build_learners([sys.argv[1]], LearnerOptions(device=sys.argv[2]))
except UsageError as error:
    print(error, sys.modules.keys() & {"transformers", "peft"})
"""


@pytest.mark.parametrize(("model", "device"), [("tagger", "cuda"), ("hf:nobody/nothing", "mps")])
def test_a_device_that_is_not_there_is_refused_before_models_and_their_packages_are_loaded(model, device):
    command = [sys.executable, "-c", WITHOUT_A_GPU, model, device]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.startswith(f"--device {device}: torch sees no ")
    assert said.endswith("set()\n")
