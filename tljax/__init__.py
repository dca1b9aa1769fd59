"""tljax: transfer learning in pure JAX. Read the rooms from left to right: trees, models, weights, data, strategies, objectives, train."""

__version__ = "0.1.0"
