"""File formats as named NumPy arrays; nothing of any framework is needed."""
