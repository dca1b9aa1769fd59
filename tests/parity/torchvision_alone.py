"""To be imported before torchvision: lets it load beside a torch that was built without its compiled operators (none is used here)."""

import torch

_register_fake = torch.library.register_fake


def _without_operators(op, *args, **kwargs):
    named = isinstance(op, str) and op.startswith("torchvision::")
    return (lambda function: function) if named else _register_fake(op, *args, **kwargs)


torch.library.register_fake = _without_operators
