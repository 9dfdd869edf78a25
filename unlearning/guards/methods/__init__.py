"""Methods that build a guard: one per file. All of them are containment at serving."""
