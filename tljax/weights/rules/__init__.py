"""What key tables are put together of."""
