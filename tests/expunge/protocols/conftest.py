"""The real HTTP server of the notices' tests."""

from tests.expunge.notices.conftest import receiver

__all__ = ["receiver"]
