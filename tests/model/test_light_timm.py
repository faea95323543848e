"""torch's compiler is loaded only by what needs it, and is whole then."""

import subprocess
import sys

PROGRAM = """
import sys, torch
import core.training.fit
from core.model.light_timm import timm

net = timm.create_model("test_resnet", num_classes=2)
optimiser = torch.optim.AdamW(net.parameters())
net(torch.zeros(2, 3, 32, 32)).sum().backward()
optimiser.step()
optimiser.zero_grad()
print("sympy" in sys.modules)

import torch._dynamo.config
assert torch._dynamo.config.verbose is False
assert sys.modules["torch._dynamo"].__file__, "still the stand-in"
from torch._dynamo.utils import counters
assert torch.compile(lambda x: x + 1, backend="eager")(torch.ones(1)).item() == 2.0
assert counters["stats"]["unique_graphs"] == 1
optimiser.step()
print("sympy" in sys.modules)
"""


def test_a_training_step_loads_no_compiler_and_one_who_needs_it_gets_it() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert ran.stdout.split() == ["False", "True"], ran.stderr
