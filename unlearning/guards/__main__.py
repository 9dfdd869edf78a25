"""Keep a folder of containment bundles up to date, once or for good.

``python -m unlearning.guards --url https://expunge.example.org --token-file token --trust KEY
--into bundles [--every 60]``. KEY is what the platform prints for ``manage.py containment_key``.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from contract.containment import BundleError
from unlearning.guards.bundles import bundles_fetch


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and fetch; returns 1 when a single fetch failed."""
    parser = argparse.ArgumentParser(prog="python -m unlearning.guards", description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--trust", required=True, metavar="KEY")
    parser.add_argument("--into", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--every", type=float, default=0.0, metavar="SECONDS")
    options = parser.parse_args(arguments)
    while True:
        failed = not _fetch(options)
        if not options.every:
            return int(failed)
        time.sleep(options.every)


def _fetch(options: argparse.Namespace) -> bool:
    token = options.token_file.read_text(encoding="utf-8").strip()
    try:
        came, went = bundles_fetch(options.url, token, options.trust, options.into)
    except (OSError, ValueError) as error:  # a BundleError is a ValueError
        kind = "not trusted" if isinstance(error, BundleError) else "not reached"
        sys.stderr.write(f"Bundles stay as they are; the platform is {kind}: {error}\n")
        return False
    if came or went:
        sys.stdout.write(f"{came} came, {went} went\n")
    return True


if __name__ == "__main__":
    sys.exit(main())
