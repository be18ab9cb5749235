"""Options that several commands share, and groups of options that a command takes as one parameter."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, get_type_hints

from typer import Argument, Option

Folder = Annotated[Path, Argument(metavar="DIR", help="The run folder.")]
Settings = Annotated[
    list[str] | None,
    Option("--set", metavar="SECTION.KEY=VALUE", help="Change one value of the recipe; repeatable, the last value of a key counts."),
]
KeySettings = Annotated[
    list[str] | None,
    Option("--set", metavar="KEY=VALUE", help="Change one setting (see above); repeatable, the last value of a key counts."),
]
Workers = Annotated[int, Option(min=1, help="Number of worker processes.")]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """What runs the graphs of a run."""

    workers: Workers = 1
    runner: Annotated[str, Option(help="The Beam runner: local, portable, flink, spark or dataflow.")] = "local"
    beam_options: Annotated[
        list[str] | None, Argument(metavar="[-- BEAM_OPTION ...]", help="Options for the Beam runner, written after --.")
    ] = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InputOptions:
    """Documents to read, named as arguments or by --input."""

    paths: Annotated[
        list[str] | None, Argument(metavar="[PATH...]", help="Documents to read as they are: files, folders, globs or run folders.")
    ] = None
    inputs: Annotated[list[str] | None, Option("--input", metavar="PATH", help="More documents to read; repeatable.")] = None

    @property
    def given(self) -> list[str]:
        """All paths, those of --input first."""
        return [*(self.inputs or ()), *(self.paths or ())]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RequestOptions:
    """The documents that a takedown removes."""

    url: Annotated[list[str] | None, Option(help="URL of a page; repeatable, like the next four options.")] = None
    host: Annotated[list[str] | None, Option(help="Domain, including everything below it.")] = None
    email_hash: Annotated[list[str] | None, Option(help="sha256 of an e-mail address in lower case.")] = None
    phone_hash: Annotated[list[str] | None, Option(help="sha256 of a telephone number in E.164 form, such as +16502530000.")] = None
    doc_id: Annotated[list[str] | None, Option(help="A document's id: 32 hex digits, see the ledger.")] = None
    reason: Annotated[str | None, Option(help="Recorded in the certificate.")] = None
    with_copies: Annotated[
        bool, Option("--with-copies", help="Also remove the documents that these were merged into, and all their copies.")
    ] = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationOptions:
    """Whether to ask before a takedown changes files."""

    yes: Annotated[bool, Option("--yes", help="Do not ask for confirmation; for scripts.")] = False
    max_documents: Annotated[
        int, Option(min=0, help="Do not remove more documents than this, unless you type their number when asked.")
    ] = 100


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """The command with one parameter for each field of its groups, since typer reads options from a function's parameters.

    A group is a parameter whose type is a dataclass. The command is called with the groups.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if isinstance(hint, type) and dataclasses.is_dataclass(hint)}
    parameters = []
    for name, parameter in inspect.signature(command).parameters.items():
        fields = dataclasses.fields(groups[name]) if name in groups else ()
        types = get_type_hints(groups[name], include_extras=True) if name in groups else hints
        for one, default in [(field.name, field.default) for field in fields] or [(name, parameter.default)]:
            given = inspect.Parameter.empty if default is dataclasses.MISSING else default
            parameters.append(inspect.Parameter(one, inspect.Parameter.KEYWORD_ONLY, default=given, annotation=types[one]))

    def flat(**values: object) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in dataclasses.fields(group)})
        command(**values)

    flat.__name__, flat.__doc__ = command.__name__, command.__doc__
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what inspect.signature returns
    return flat
