"""Business tables computed from silver: one module per table, and the conformed lines and ratios they share."""
