"""Building blocks of key tables."""
