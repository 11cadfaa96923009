"""The command ``din``: all programs of the project as subcommands."""

from __future__ import annotations

import importlib
import sys

from app import commands, extras
from app.version import installed_version

# Module and help text of each subcommand; the module's ``main`` takes the arguments and returns an exit status.
COMMANDS = {
    **{name: ("app.cli", description) for name, description in commands.COMMANDS.items()},
    "export": ("din_model.export", "trace the networks into Triton's model repository"),
    "train": ("din_model.train", "train networks by their recipes"),
    "train-judge": ("din_model.train_judge", "train the network that judges photos"),
    "evaluate": ("din_model.evaluate", "score a network by the paper's protocol"),
    "results": ("din_model.results", "measure the tables of all tasks"),
    "average": ("din_model.average", "average several trainings of a network"),
    "ship": ("din_model.ship", "put trained networks that are better among the shipped ones"),
    "card": ("din_model.card", "write the cards of weights files from their metadata"),
    "ablations": ("din_model.ablations", "repeat the paper's ablations"),
    "convert": ("din_model.convert", "convert a checkpoint of the authors' code"),
    "hub": ("din_model.hub", "push weights to the Hugging Face Hub"),
    "free-photos": ("din_model.free_photos", "get freely licensed photos to train on"),
}


def usage() -> str:
    """Return the usage message, with one line for each subcommand."""
    width = max(map(len, COMMANDS))
    lines = (f"  {name:<{width}}  {description}" for name, (_, description) in COMMANDS.items())
    return "\n".join(
        ["usage: din COMMAND [OPTION ...]", "", *lines, "", "din COMMAND --help lists the options of a command."]
    )


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand; return its exit status."""
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help"):
        print(usage())
        return 0
    if name == "--version" or (name in COMMANDS and rest == ["--version"]):
        print(f"din {installed_version()}")
        return 0
    if name not in COMMANDS:
        print(f"error: there is no command {name!r}.\n\n{usage()}", file=sys.stderr)
        return 2
    module, _ = COMMANDS[name]
    # Imported here, so that torch is loaded only by the commands that need it. app.cli implements several of them.
    try:
        run = importlib.import_module(module).main
        return int(run([name, *rest] if module == "app.cli" else rest) or 0)
    except ModuleNotFoundError as error:
        print(f"error: {extras.explain(error)}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
