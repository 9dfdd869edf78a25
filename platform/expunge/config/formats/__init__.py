"""How each language of the pages writes days, times and numbers."""
