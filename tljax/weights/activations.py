"""Hugging Face's names of activation functions -> ours."""

_GELU = {"gelu": "gelu", "gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh"}

TEXT_ENCODERS = {**_GELU, "relu": "relu"}
VISION_TRANSFORMERS = {**_GELU, "quick_gelu": "quick_gelu"}
