"""Whether PyTorch watches the operations of a program, so that what is done behind its back would be lost."""

import torch
from torch.utils._python_dispatch import is_in_torch_dispatch_mode


def traced() -> bool:
    """Compiled, exported, traced, or run under a mode that sees every operation, such as make_fx."""
    if torch.compiler.is_compiling():
        return True
    return torch.jit.is_tracing() or is_in_torch_dispatch_mode()  # type: ignore[attr-defined]
