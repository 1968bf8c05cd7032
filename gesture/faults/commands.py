"""`gesture prove-resume`: flags, and one call."""

import argparse
from pathlib import Path

from gesture.base.arguments import Subparsers, command


def add_prove_resume(commands: Subparsers) -> None:
    """Declares `gesture prove-resume`."""
    parser = command(
        commands,
        "prove-resume",
        _run_prove_resume,
        "train a small chain of stages undisturbed and with kills, and compare their files byte by byte",
        "gesture prove-resume --kills 5\n"
        "  gesture prove-resume --settings tests/config/tiny.yaml --records records/tiny/manifest.json "
        "--member fusion-s1 --folder proof",
    )
    parser.add_argument("--settings", type=Path, metavar="YAML", help="experiment (default: a tiny generated one)")
    parser.add_argument("--records", type=Path, metavar="JSON", help="its records, as convert wrote them")
    parser.add_argument("--member", help="its member to train: <variant>-s<seed>")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where to work, kept (default: a temporary folder)")
    parser.add_argument("--kills", type=int, default=3, help="kills, most of them inside a save (default 3)")
    parser.add_argument("--seed", type=int, default=1, help="of the kills (default 1)")


def _run_prove_resume(options: argparse.Namespace) -> None:
    import contextlib
    import tempfile

    from gesture.base.errors import GestureError
    from gesture.faults.prove import Chain, at_random, made_up

    given = (options.settings, options.records, options.member)
    if any(given) and not all(given):
        raise GestureError("--settings, --records, --member: give all three, or none for a generated experiment")
    with contextlib.ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings, records, member = given if all(given) else made_up(folder / "data")
        whole = Chain(settings, records, member, folder / "undisturbed").run()
        killed = Chain(settings, records, member, folder / "disturbed").run(at_random(options.kills, options.seed))
        expected, found = whole.digests(), killed.digests()
        for name, digest in expected.items():
            print(f"{'same' if found[name] == digest else 'DIFFERENT'}  {digest[:16]}  {found[name][:16]}  {name}")
        print(f"{len(killed.interrupted)} kills, {killed.replayed()} steps replayed")
    if expected != found:
        raise GestureError("the disturbed chain ended in other bytes: please report this with the lines above")
