"""The work: which method next, on which machine, under whose lease, and what came of it."""
