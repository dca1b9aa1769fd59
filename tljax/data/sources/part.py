"""The source ``part``: consecutive examples of another source."""

from tljax.data.source import Source, create, sources
from tljax.data.subset import take


@sources.register
def part(source: str, start: int = 0, stop: int | None = None) -> Source:
    """The examples `start` to `stop` - 1 of another source, such as ``part("listed('images', 'labels.txt')", start=5000)``.

    Args:
      source: the call expression of the other source, of N examples.
      start: the first example.
      stop: the first that is left out; None: N.

    Raises:
      KeyError, ValueError, FileNotFoundError: as the other source does. ValueError: no examples from `start` to `stop`, or a `stop` above
        N.
    """
    whole = create(source)
    end = len(whole) if stop is None else stop
    if not 0 <= start < end <= len(whole):
        raise ValueError(f"part({source!r}, start={start}, stop={stop}): must be 0 <= start < stop <= {len(whole)}, the number of examples")
    return take(whole, range(start, end), f"examples {start} to {end - 1}")
