"""What every app uses and no domain word belongs to: clock, ids, encryption, errors."""
