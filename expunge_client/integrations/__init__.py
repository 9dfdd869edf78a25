"""Ties to training frameworks; each is imported by itself and needs its framework only."""
