"""The executable ``recado``: which commands there are, and how errors reach the operator.

A command's module is imported when the command is run, not before: ``recado --help`` answers at
once, and no command waits for the libraries of another.
"""

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class _Entry:
    """Where a command is: an attribute of a module, a function or a group of commands."""

    module: str
    attribute: str
    help: str


COMMANDS = {
    "demo": _Entry("workers.cli.stack", "demo", "Show the whole system at work, on this machine."),
    "up": _Entry("workers.cli.stack", "up", "Run the whole stack on this machine until Ctrl-C."),
    "send": _Entry("workers.cli.send", "send", "Enqueue a campaign for its recipients."),
    "simulate": _Entry("workers.cli.simulate", "simulate", "Decide, and send nothing."),
    "explain": _Entry("workers.cli.explain", "explain", "Every decision about a message."),
    "classify": _Entry("workers.cli.classify", "classify", "What replies would be taken for."),
    "campaign": _Entry("workers.cli.campaigns", "app", "List and operate campaigns."),
    "consents": _Entry("workers.cli.consents", "app", "Load consents, and prove their ledger."),
    "preferences": _Entry("workers.cli.imports", "preferences", "Load what people prefer."),
    "senders": _Entry("workers.cli.senders", "app", "Load, list, suspend and lift senders."),
    "templates": _Entry("workers.cli.imports", "templates", "Load templates."),
    "suppressions": _Entry("workers.cli.imports", "suppressions", "Load suppressions."),
    "policy": _Entry("workers.cli.policies", "app", "The rules in force, with their sources."),
    "optouts": _Entry("workers.cli.optouts", "app", "Whether those who left were let go in time."),
    "reviews": _Entry("workers.cli.reviews", "app", "Replies that wait for a person's decision."),
    "audit": _Entry("workers.cli.audit", "app", "What was done to senders and campaigns, and why."),
    "status": _Entry("workers.cli.status", "status", "Queues, lag, throughput, senders."),
    "dead": _Entry("workers.cli.dead", "app", "What could not be worked on."),
    "indoubt": _Entry("workers.cli.indoubt", "app", "Messages that may or may not be sent."),
    "retention": _Entry("workers.cli.retention", "app", "Remove what has had its time."),
    "db": _Entry("workers.cli.database", "app", "The database's schema."),
    "intake": _Entry("workers.cli.processes", "intake", "Run the stream reader."),
    "dispatch": _Entry("workers.cli.processes", "dispatch", "Run the dispatcher."),
    "web": _Entry("workers.cli.web", "web", "Run the API and the webhooks."),
    "smpp": _Entry("workers.cli.smpp", "smpp", "Take in what SMSCs deliver."),
    "health": _Entry("workers.cli.health", "health", "Whether a role runs on this host."),
    "sandbox": _Entry("workers.cli.sandbox", "sandbox", "Run the sandbox provider."),
    "bench": _Entry("benchmarks.cli", "app", "The project's benchmarks."),
}
"""In the order of the help. An entry whose module is not installed is left out."""


class _Announced(TyperCommand):
    """A command of which only the name and the summary are known yet."""

    def __init__(self, name: str, entry: _Entry) -> None:
        super().__init__(name, callback=None, help=entry.help)
        self._entry = entry

    def load(self) -> Any:
        """Import the command itself."""
        found = getattr(importlib.import_module(self._entry.module), self._entry.attribute)
        if not isinstance(found, typer.Typer):
            single = typer.Typer(rich_markup_mode=None, add_completion=False)
            single.command(self.name)(found)
            found = single
        command = typer.main.get_command(found)
        command.name = self.name
        return command


class _Commands(TyperGroup):
    """All commands, each imported when it is run."""

    def list_commands(self, _ctx: Any) -> list[str]:
        return [name for name, entry in COMMANDS.items() if _installed(entry.module)]

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        entry = COMMANDS.get(cmd_name)
        if entry is None or not _installed(entry.module):
            return None
        return _Announced(cmd_name, entry)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        self.commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, _Announced) else command, rest


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its package is missing
        return False


app = typer.Typer(
    cls=_Commands,
    name="recado",
    help="Bulk WhatsApp and SMS campaigns, delivered only when each recipient's country allows.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _recado() -> None:
    """Make the executable a group of commands."""


def main() -> None:
    """Run the command of this process's arguments; a foreseen error ends it with one line."""
    try:
        app(prog_name="recado")
    except Exception as error:
        from workers.cli.errors import explain_error  # noqa: PLC0415 - only errors wait for it

        explained = explain_error(error)
        if explained is None:
            raise
        print(f"recado: {explained.text}", file=sys.stderr)
        raise SystemExit(explained.exit_code) from None


if __name__ == "__main__":
    main()
