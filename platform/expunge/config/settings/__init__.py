"""One settings module per place the platform runs in."""
