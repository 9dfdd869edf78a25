"""A thin client of the Expunge API, typed, with a command line and ties to training pipelines.

:class:`expunge_client.client.Client` has a method for each thing a pipeline or an office does;
:mod:`expunge_client.command` is the command ``expunge``; :mod:`expunge_client.integrations` are
a callback for Hugging Face's Trainer and a function for MLflow. Nothing here needs Django, the
platform or a deep-learning library.
"""

from expunge_client.client import Client
from expunge_client.errors import ExpungeError, Problem, UnreachableError

__all__ = ["Client", "ExpungeError", "Problem", "UnreachableError"]
