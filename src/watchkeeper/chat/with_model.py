"""A model's part in answers: it reads questions that the rules cannot, and tells what code has found in its words.

Rules go first. A question that they are sure of costs no call; where they are not (`settling.is_plain`), a model fills
the intent, and names and times that stand in the question stay as they are read by code. The answer, with its evidence,
is made by code in both cases. A model may then tell it in a few sentences (`hearing`), and the case's cause is the only
one that it may speak of.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeVar

from pydantic import BaseModel, Field, StringConstraints

from watchkeeper.chat.hearing import Cause, Hearing
from watchkeeper.chat.intents import Intent, Kind
from watchkeeper.chat.replies import Reply, Said
from watchkeeper.chat.settling import is_plain, settled
from watchkeeper.chat.understanding import LONGEST, Context, Rules
from watchkeeper.domain import CaseFile, EvidenceId, IncidentId, Noun
from watchkeeper.errors import QueryRejected, ReplyRejected, SourceUnavailable
from watchkeeper.evidence.answers import Answers
from watchkeeper.evidence.telling import is_plain_name, plain, tell
from watchkeeper.redaction import redact

M = TypeVar("M", bound=BaseModel)
Clean = Callable[[str], str]
Say = Callable[[str], None]
CaseOf = Callable[[IncidentId], CaseFile | None]

UNDERSTAND, TELL = "understand-question.md", "tell-answer.md"
KNOWN, NAME = 120, 60
"""Services that a model is told of, and characters of a name."""
SENTENCES = 4
"""Sentences of a model that are taken."""
ANSWER, SENTENCE, EXPRESSION = 10, 400, 240
"""Sentences of the answer that it is shown, characters of a text in one, and of a placeholder."""
EVIDENCE, CHARACTERS, ROWS = 6, 900, 6
"""Pieces of evidence that it is shown, characters of one, and rows of one."""
TOLD: frozenset[Kind] = frozenset({"cause", "changes", "compare", "users", "over", "next", "status"})
"""Answers that a model may tell; the others are lists, quotations and drafts."""
Sentence = Annotated[str, StringConstraints(max_length=2000)]


class Asking(Protocol):
    """Whoever puts a prompt to a model, `agents.asking.Session`."""

    def asked(self, prompt: str, variables: Mapping[str, object], schema: type[M]) -> M:
        """The model's answer as a value of the schema; raises ModelUnavailable."""


class Telling(Noun):
    """An answer in a model's words."""

    sentences: tuple[Sentence, ...] = Field(
        max_length=2 * SENTENCES,
        description="At most four sentences, each with at least one placeholder such as "
        '{{e1: first(mean_ms) where service = "cart" | ms}}; none where there is nothing to say.',
    )


@dataclass(frozen=True)
class ModelUnderstanding:
    """Reads a question by rules where they are sure of it, else by a model."""

    session: Asking
    say: Say = lambda _: None
    clean: Clean = redact

    def understand(self, question: str, known: Sequence[str], context: Context) -> Intent | None:
        """What is asked; None where the model names what is neither known nor in the question."""
        by_rules = Rules().understand(question, known, context)
        if is_plain(question, by_rules, context):
            return by_rules
        self.say("Asking the model what is meant …")
        found = self.session.asked(UNDERSTAND, self._variables(question, known, context), Intent)
        return settled(found, by_rules, question, known, context)

    def _variables(self, question: str, known: Sequence[str], context: Context) -> Mapping[str, object]:
        pending = context.pending.model_dump_json(exclude_defaults=True) if context.pending is not None else ""
        return {
            "now": context.now.astimezone(context.zone).isoformat(timespec="seconds"),
            "zone": str(context.zone),
            "known": [plain(name, self.clean, NAME) for name in known[:KNOWN]],
            "before": context.kind or "",
            "pending": plain(pending, self.clean, SENTENCE),
            "question": plain(question, self.clean, LONGEST),
        }


@dataclass(frozen=True)
class ModelTeller:
    """Tells what code has found in a few sentences of a model's."""

    session: Asking
    case_of: CaseOf
    """The case of that id; None where there is none any more."""
    say: Say = lambda _: None
    clean: Clean = redact

    def tell(self, question: str, reply: Reply, answers: Answers) -> Sequence[str]:
        """Sentences with placeholders that may be told; none where there is nothing for a model to tell.

        Raises ModelUnavailable; ReplyRejected too where every sentence was refused.
        """
        if reply.intent.kind not in TOLD or reply.asks_back is not None or not reply.evidence:
            return ()
        self.say("Asking the model to put it into words …")
        cause = Cause.of(self.case_of(reply.case_id)) if reply.case_id is not None else None
        told = self.session.asked(TELL, self._variables(question, reply, answers, cause), Telling)
        hearing = Hearing.of(question, reply, answers, cause)
        sentences = [" ".join(each.split()) for each in told.sentences if each.strip()]
        accepted = [each for each in sentences if hearing.accepts(each)]
        if sentences and not accepted:
            raise ReplyRejected(_refused(len(sentences)))
        return tuple(dict.fromkeys(accepted))[:SENTENCES]

    def _variables(self, question: str, reply: Reply, answers: Answers, cause: Cause | None) -> Mapping[str, object]:
        is_sayable = cause is not None and is_plain_name(cause.name)
        return {
            "question": plain(question, self.clean, LONGEST),
            "answer": [template_of(said, self.clean) for said in reply.sentences[:ANSWER]],
            "cause": f"{cause.name} ({cause.kind})" if cause is not None and is_sayable else "",
            "evidence": list(_told(reply, answers, self.clean)),
        }


def _refused(count: int) -> str:
    # What was refused is not repeated: it may be what somebody wanted to have said.
    which = "the model's only sentence was" if count == 1 else f"all {count} sentences of the model were"
    return f"{which} refused, for saying more than the evidence does"


def _told(reply: Reply, answers: Answers, clean: Clean) -> Iterator[str]:
    """The evidence that the answer cites first, each piece bounded."""
    cited: dict[EvidenceId, None] = dict.fromkeys(number for said in reply.sentences for number in said.evidence)
    for number in list(cited)[:EVIDENCE]:
        try:
            yield tell(answers, number, CHARACTERS, most=ROWS, clean=clean)
        except (QueryRejected, SourceUnavailable):
            continue


def template_of(said: Said, clean: Clean = redact) -> str:
    """The sentence as data, its figures as the placeholders that give them again.

    A figure without evidence stays as it is, and one whose placeholder would not be harmless as it stands.
    """
    pieces, rest = [], said.text
    for figure in said.figures:
        before, found, after = rest.partition(figure.text)
        if not found or figure.evidence is None:
            continue
        is_joint = figure.selector.startswith(("ratio(", "between("))
        expression = figure.selector if is_joint else f"{figure.evidence}: {figure.selector}"
        is_harmless = len(expression) <= EXPRESSION and plain(expression, clean, EXPRESSION) == expression
        told = f"{{{{{expression} | {figure.unit}}}}}" if is_harmless else plain(figure.text, clean)
        pieces += [_plain_piece(before, clean), told]
        rest = after
    return "".join((*pieces, _plain_piece(rest, clean)))


def _plain_piece(text: str, clean: Clean) -> str:
    """A piece of a sentence as data, with the spaces at its ends."""
    begin, end = " " * text.startswith(" "), " " * (text.strip() != "" and text.endswith(" "))
    return f"{begin}{plain(text, clean, SENTENCE)}{end}"
