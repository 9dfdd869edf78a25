"""The deletion request: its states, its law, its people."""
