"""How English pages write days, times and numbers."""
