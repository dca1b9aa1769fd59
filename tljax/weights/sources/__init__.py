"""Published weight files, one file per publisher; `tljax.weights.known` puts them together."""
