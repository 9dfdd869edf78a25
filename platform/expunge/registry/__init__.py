"""What exists: models and versions, datasets and scope trees, and which learned from which."""
