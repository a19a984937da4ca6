"""`watchkeeper ask` and `watchkeeper chat`: questions of a person on call, and their answers at 80 columns."""

import shlex
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from watchkeeper.cli.screen import complain, one_line, plain, report_bug, say

if TYPE_CHECKING:
    from watchkeeper.assembly.chat import Chat
    from watchkeeper.chat.conversation import Conversation
    from watchkeeper.chat.replies import Reply, Said
    from watchkeeper.domain import Evidence

WIDTH = 80
OPEN = 3
"""Exit code where it is asked back, or something cannot be known."""
LONGEST, LONGEST_DRAFT, CELL = 2000, 200_000, 60
SHOWN_ROWS = 8
PROMPT = "> "
ENDS = ("exit", "quit", "bye")

At = Annotated[str | None, typer.Option(metavar="TIME", help="As if asked then: ISO 8601 with a zone, or `now`.")]
Service = Annotated[str | None, typer.Option(metavar="S", help="The service meant where a question names none.")]
Case = Annotated[str | None, typer.Option(metavar="CASE", help="Answer from this case, INC-2026-0042.")]
Recording = Annotated[
    Path | None, typer.Option("--from", metavar="PATH", help="A folder of Parquet files, or a .duckdb file.")
]
Url = Annotated[str | None, typer.Option(metavar="URL", help="A running server, http://127.0.0.1:4318.")]
Engine = Annotated[
    Literal["rules", "model"],
    typer.Option(help="model: a language model reads what the rules cannot, and tells what was found."),
]


def ask(
    context: typer.Context,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help='Such as "why is checkout slow since noon?".')],
    recording: Recording = None,
    store: Url = None,
    at: At = None,
    service: Service = None,
    case: Case = None,
    engine: Engine = "rules",
    as_json: Annotated[bool, typer.Option("--json", help="The reply and the conversation as JSON.")] = False,
) -> None:
    """Answer one question with numbers, their evidence and the case.

    Times without a zone are UTC; in a recording they are relative to its end. Exits 0 when answered, 3 when it asks
    back or something cannot be known. `watchkeeper ask help` says what can be asked.
    """
    import json

    with _chat(context, recording, store, at, engine) as chat:
        turn = chat.answer(question, _begun(case), service=service, say=say)
    if as_json:
        typer.echo(json.dumps(turn.model_dump(mode="json"), indent=2, ensure_ascii=True))
    else:
        typer.echo(reply_text(turn.reply, recording))
    if not turn.reply.is_answered:
        raise typer.Exit(OPEN)


def chat(
    context: typer.Context,
    recording: Recording = None,
    store: Url = None,
    at: At = None,
    service: Service = None,
    case: Case = None,
    engine: Engine = "rules",
) -> None:
    """Answer questions, one a line, until Ctrl-D.

    A question may build on the one before: `why is checkout slow?`, then `is it over?`, then `draft the ticket`.
    """
    from watchkeeper.errors import WatchkeeperError

    with _chat(context, recording, store, at, engine) as answering:
        talk = _begun(case)
        for question in _typed():
            try:
                turn = answering.answer(question, talk, service=service, say=say)
            except WatchkeeperError as error:
                complain(str(error))
                continue
            except Exception as error:  # noqa: BLE001  the next question may be answered: the bug is kept in the log
                report_bug(error)
                continue
            talk = turn.conversation
            typer.echo(f"{reply_text(turn.reply, recording)}\n")


@contextmanager
def _chat(
    context: typer.Context, recording: Path | None, store: str | None, at: str | None, engine: Engine
) -> "Iterator[Chat]":
    """What answers, over the sources that were named; raises typer.BadParameter, and as opening sources does."""
    from watchkeeper.cli.diagnose import moment

    if recording is not None and store is not None:
        raise typer.BadParameter("give --from or --store, not both", param_hint="--from")
    time = None if at is None or at.strip().lower() == "now" else moment(at)
    from watchkeeper import assembly, settings
    from watchkeeper.assembly.chat import Chat

    chosen = settings.load(context.obj)
    with (
        assembly.open_sources(chosen, recording, store) as sources,
        assembly.open_runbooks(chosen, say) as shelf,
    ):
        runbooks = assembly.CaseRunbooks(shelf)
        yield Chat(chosen, sources, is_recording=recording is not None, at=time, runbooks=runbooks, engine=engine)


def _begun(case: str | None) -> "Conversation":
    from pydantic import ValidationError

    from watchkeeper.chat.conversation import Conversation

    try:
        return Conversation(case_id=case)
    except ValidationError as error:
        raise typer.BadParameter("expected the id of a case, such as INC-2026-0042", param_hint="--case") from error


def _typed() -> Iterator[str]:
    """Lines as they are typed or piped in; the prompt is no result."""
    with suppress(AttributeError):
        sys.stdin.reconfigure(errors="replace")  # type: ignore[union-attr]
    is_person = sys.stdin.isatty()
    while True:
        if is_person:
            sys.stderr.write(PROMPT)
            sys.stderr.flush()
        line = sys.stdin.readline()
        if not line or line.strip().lower() in ENDS:
            return
        if line.strip():
            yield line.strip()


def reply_text(reply: "Reply", recording: Path | None = None) -> str:
    """A reply for a terminal of 80 columns; text from outside is made harmless. What was asked can be asked again."""
    first, rest = reply.sentences[:1], reply.sentences[1:]
    sections = [
        _wrapped(_line(reply.taken_as)),
        "\n".join(_wrapped(_line(each)) for each in first),
        "\n".join(_item("-" if not each.text.startswith("- ") else " ", each) for each in rest),
        plain(reply.draft, LONGEST_DRAFT).rstrip() if reply.draft else "",
        _section("Next", [_item(f"{place}.", each) for place, each in enumerate(reply.steps, start=1)]),
        "\n".join(_rows(reply)),
        _section("Cannot be known", [_item("-", each) for each in reply.cannot]),
        _wrapped(_line(reply.asks_back)) if reply.asks_back else "",
        "\n".join([*(_labelled("Note", _line(each)) for each in reply.notes), *_sources(reply, recording)]),
    ]
    return "\n\n".join(section for section in sections if section)


def _sources(reply: "Reply", recording: Path | None) -> Iterator[str]:
    """Where the evidence is to be seen."""
    if reply.engine != "rules":
        yield _labelled("Told by", "a model; every number was filled in from the evidence")
    if reply.case_id is not None:
        yield _labelled("Case", f"{reply.case_id}: watchkeeper case show {reply.case_id}")
    elif reply.shown is None:
        for entry in reply.evidence:
            yield _labelled("Evidence", f"{entry.id} {entry.source}: {entry.question}")
    if reply.evidence and reply.shown is None:
        wanted = f'"show the evidence for {reply.evidence[-1].id}"'
        place = f" --from {shlex.quote(str(recording))}" if recording is not None else ""
        with_case = f"watchkeeper ask {wanted} --case {reply.case_id}{place}"
        yield _labelled("To see one", with_case if reply.case_id else f"in `watchkeeper chat`: {wanted}; or --json")


def _rows(reply: "Reply") -> Iterator[str]:
    """The piece of evidence that was asked for: its query, and its first rows."""
    entry = next((each for each in reply.evidence if each.id == reply.shown), None)
    if entry is None:
        return
    yield _labelled("Query", entry.query)
    if entry.asked is not None and entry.reading is not None:
        yield _labelled("Read as", entry.reading.name)
    yield from _table(entry)


def _table(entry: "Evidence") -> Iterator[str]:
    for place, row in enumerate(entry.rows.values[:SHOWN_ROWS], start=1):
        cells = (
            f"{one_line(name, CELL)}={one_line(str(value), CELL)}"
            for name, value in zip(entry.rows.columns, row, strict=True)
            if value is not None
        )
        yield _labelled(f"Row {place}", ", ".join(cells))
    more = entry.rows.total - min(len(entry.rows.values), SHOWN_ROWS)
    if more > 0:
        yield f"  … and {more:,} more rows"


def _section(title: str, lines: list[str]) -> str:
    return "\n".join([title, *lines]) if lines else ""


def _line(said: "Said") -> str:
    return one_line(said.marked, LONGEST)


def _item(mark: str, said: "Said") -> str:
    begin = f"  {mark} "
    return _wrapped(f"{begin}{_line(said).removeprefix('- ')}", hanging=len(begin))


def _labelled(label: str, text: str) -> str:
    return _wrapped(f"{label:<11}{one_line(text, LONGEST)}", hanging=11)


def _wrapped(text: str, hanging: int = 0) -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=" " * hanging, break_on_hyphens=False)
