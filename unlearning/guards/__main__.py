"""Keep bundles up to date, build a guard, look at one, or ask through one.

* ``fetch --url https://expunge.example.org --token-file token --trust KEY --into bundles
  [--every 60]`` keeps a folder of containment bundles up to date. KEY is what the platform prints
  for ``manage.py containment_key``.
* ``build uld --model MODEL --forget forget.jsonl --retain retain.jsonl --into FOLDER
  [--set '{"layers": 4}']`` builds a guard; also ``guard``, ``alu`` and ``icu``.
* ``show FOLDER`` checks every byte of a guard and says what it is and what data it keeps.
* ``ask FOLDER --model MODEL PROMPT ...`` answers prompts through a guard; for ``alu`` and ``icu``
  also ``--endpoint URL --endpoint-model NAME``, with the key in ``EXPUNGE_ENDPOINT_KEY``.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from contract.containment import BundleError
from contract.guard import GuardError, read_guard
from contract.manifest import folder_digest
from unlearning.guards.bundles import bundles_fetch


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and do what it says; returns 0, or 1 with a sentence."""
    options = _parser().parse_args(arguments)
    commands = {"fetch": _fetch, "build": _build, "show": _show, "ask": _ask}
    try:
        return commands[options.command](options)
    except GuardError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m unlearning.guards",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    fetch = commands.add_parser("fetch", help="keep a folder of containment bundles up to date")
    fetch.add_argument("--url", required=True)
    fetch.add_argument("--token-file", type=Path, required=True)
    fetch.add_argument("--trust", required=True, metavar="KEY")
    fetch.add_argument("--into", type=Path, required=True, metavar="FOLDER")
    fetch.add_argument("--every", type=float, default=0.0, metavar="SECONDS")
    build = commands.add_parser("build", help="build a guard from records and a model")
    build.add_argument("kind", choices=["uld", "guard", "alu", "icu"])
    build.add_argument("--model", type=Path, required=True, metavar="FOLDER")
    build.add_argument("--forget", type=Path, required=True, metavar="FILE")
    build.add_argument("--retain", type=Path, metavar="FILE")
    build.add_argument("--into", type=Path, required=True, metavar="FOLDER")
    build.add_argument("--set", default="{}", metavar="JSON", dest="settings")
    build.add_argument("--seed", type=int, default=0)
    show = commands.add_parser("show", help="say what a guard is and what data it keeps")
    show.add_argument("folder", type=Path)
    ask = commands.add_parser("ask", help="answer prompts through a guard")
    ask.add_argument("folder", type=Path)
    ask.add_argument("prompts", nargs="+", metavar="PROMPT")
    ask.add_argument("--model", type=Path, metavar="FOLDER")
    ask.add_argument("--endpoint", metavar="URL")
    ask.add_argument("--endpoint-model", default="default", metavar="NAME")
    ask.add_argument("--digest", help="the digest that the guard's folder must have")
    ask.add_argument("--tokens", type=int, default=64)
    return parser


def _fetch(options: argparse.Namespace) -> int:
    while True:
        failed = not _fetched(options)
        if not options.every:
            return int(failed)
        time.sleep(options.every)


def _fetched(options: argparse.Namespace) -> bool:
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


def _build(options: argparse.Namespace) -> int:
    from unlearning.guards.building import guard_build  # noqa: PLC0415 - it loads every method

    sources = (options.model, options.forget, options.retain)
    guard_build(options.kind, sources, options.into, options.settings, options.seed)
    return _say(options.into)


def _show(options: argparse.Namespace) -> int:
    return _say(options.folder)


def _say(folder: Path) -> int:
    manifest = read_guard(folder)
    lines = [
        f"A guard of the kind {manifest.kind}. {manifest.notice}",
        "It keeps, for as long as it is used:",
        *(f"  - {sentence}" for sentence in manifest.keeps),
        f"Made for the model {manifest.model_digest}",
        f"Pin it by its digest {folder_digest(folder)}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _ask(options: argparse.Namespace) -> int:
    from unlearning.guards.asking import guard_open  # noqa: PLC0415 - it loads a model

    endpoint = (options.endpoint, options.endpoint_model) if options.endpoint else None
    guard = guard_open(options.folder, options.model, endpoint, options.digest)
    for answer in guard.answers(options.prompts, max_new_tokens=options.tokens):
        sys.stdout.write(f"{answer.strip()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
