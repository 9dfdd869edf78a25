"""The checks, one per file; none imports another."""
