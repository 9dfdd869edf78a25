"""How German pages write days, times and numbers."""
