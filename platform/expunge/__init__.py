"""Expunge: deletion requests for trained models, with evidence."""
