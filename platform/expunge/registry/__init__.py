"""What exists: models and their versions, datasets and their scope trees, and what was trained on what."""
