"""Migrations of the app `web`."""
