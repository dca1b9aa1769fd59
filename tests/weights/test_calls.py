"""Call expressions say what differs from the defaults."""

from tljax import models
from tljax.weights.calls import format_call


def test_only_what_differs_is_said_and_it_builds_the_same():
    assert format_call("vgg16", width=64, sliding=False) == "vgg16"
    said = format_call("vgg16", width=8, fc=(), sliding=False)
    assert said == "vgg16(width=8, fc=())"
    assert models.create(said, 3) == models.create("vgg16(width=8, fc=(), sliding=False)", 3)
