"""What a questionnaire asks, which answers fit it, and what they come to. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean

from app.core.errors import Refusal
from app.models import OrderState
from app.models.base import Json

LONGEST_TEXT = 2_000
# The states in which an order can be rated.
ANSWERABLE = (OrderState.COMPLETED, OrderState.PARTIALLY_COMPLETED, OrderState.FAILED)


class QuestionKind(StrEnum):
    """How a question is answered: 0 to scale, 1 to scale, one of options, or freely."""

    NPS = "NPS"
    SCALE = "SCALE"
    CHOICE = "CHOICE"
    TEXT = "TEXT"


# What an answer to each kind holds, and nothing else; the lowest score of those that take one.
TAKES = {
    QuestionKind.NPS: "score",
    QuestionKind.SCALE: "score",
    QuestionKind.CHOICE: "choice",
    QuestionKind.TEXT: "text",
}
LOWEST = {QuestionKind.NPS: 0, QuestionKind.SCALE: 1}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer. Which of the three is set follows from the question's kind."""

    question_id: str
    score: int | None = None
    choice: str | None = None
    text: str | None = None


# The questionnaire of a new deployment. Prompts by language; English where a language is missing.
STANDARD_NAME = "after_delivery"
STANDARD: list[Json] = [
    {
        "id": "delivery",
        "kind": "SCALE",
        "scale": 5,
        "required": True,
        "options": [],
        "prompt": {
            "en": "How was your delivery?",
            "de": "Wie war Ihre Lieferung?",
            "fr": "Comment s'est passée votre livraison ?",
            "es": "¿Qué tal fue la entrega?",
            "pt": "Como correu a entrega?",
        },
    },
    {
        "id": "recommend",
        "kind": "NPS",
        "scale": 10,
        "required": False,
        "options": [],
        "prompt": {
            "en": "How likely are you to recommend us?",
            "de": "Wie wahrscheinlich empfehlen Sie uns weiter?",
            "fr": "Quelle est la probabilité que vous nous recommandiez ?",
            "es": "¿Qué probabilidad hay de que nos recomiende?",
            "pt": "Qual a probabilidade de nos recomendar?",
        },
    },
    {
        "id": "comment",
        "kind": "TEXT",
        "scale": None,
        "required": False,
        "options": [],
        "prompt": {
            "en": "Anything else?",
            "de": "Noch etwas?",
            "fr": "Autre chose ?",
            "es": "¿Algo más?",
            "pt": "Mais alguma coisa?",
        },
    },
]


def prompt(question: Json, locale: str) -> str:
    """The question in the locale's language."""
    prompts: dict[str, str] = question["prompt"]
    return prompts.get(locale.split("-")[0].lower(), prompts["en"])


def checked(questions: Sequence[Json], answers: Sequence[Answer]) -> None:
    """Refuses answers that do not fit the questions, naming the first."""
    known = {question["id"]: question for question in questions}
    seen: set[str] = set()
    for number, answer in enumerate(answers):
        field = f"answers.{number}"
        question = known.get(answer.question_id)
        if question is None:
            raise Refusal(
                "UNKNOWN_QUESTION",
                f"There is no question {answer.question_id!r}. The form asks {', '.join(known)}.",
                field=f"{field}.questionId",
            )
        if answer.question_id in seen:
            raise Refusal(
                "ANSWERED_TWICE", f"Question {answer.question_id!r} is answered twice.", field=f"{field}.questionId"
            )
        seen.add(answer.question_id)
        _check(question, answer, field)
    missing = [key for key, question in known.items() if question["required"] and key not in seen]
    if missing:
        raise Refusal("ANSWER_REQUIRED", f"Question {missing[0]!r} needs an answer.", field="answers")


def _check(question: Json, answer: Answer, field: str) -> None:
    kind = QuestionKind(question["kind"])
    takes = TAKES[kind]
    for other in ("score", "choice", "text"):
        if other != takes and getattr(answer, other) is not None:
            raise Refusal(
                "WRONG_KIND_OF_ANSWER",
                f"Question {answer.question_id!r} takes a {takes}, not a {other}. Leave the {other} out.",
                field=f"{field}.{other}",
            )
    FITS[kind](question, answer, f"{field}.{takes}")


def _fits_scale(question: Json, answer: Answer, field: str) -> None:
    lowest, highest = LOWEST[QuestionKind(question["kind"])], question["scale"]
    if answer.score is None or not lowest <= answer.score <= highest:
        given = "none" if answer.score is None else answer.score
        raise Refusal(
            "SCORE_OUT_OF_RANGE",
            f"Question {answer.question_id!r} takes a score from {lowest} to {highest}, not {given}.",
            field=field,
        )


def _fits_options(question: Json, answer: Answer, field: str) -> None:
    if answer.choice not in question["options"]:
        given = "none" if answer.choice is None else repr(answer.choice)
        raise Refusal(
            "CHOICE_UNKNOWN",
            f"Question {answer.question_id!r} takes one of {', '.join(question['options'])}, not {given}.",
            field=field,
        )


def _fits_text(question: Json, answer: Answer, field: str) -> None:
    length = len((answer.text or "").strip())
    if not 1 <= length <= LONGEST_TEXT:
        raise Refusal(
            "TEXT_INVALID",
            f"Question {answer.question_id!r} takes a text of 1 to {LONGEST_TEXT} characters, not {length}.",
            field=field,
        )


FITS: Mapping[QuestionKind, Callable[[Json, Answer, str], None]] = {
    QuestionKind.NPS: _fits_scale,
    QuestionKind.SCALE: _fits_scale,
    QuestionKind.CHOICE: _fits_options,
    QuestionKind.TEXT: _fits_text,
}


def score(questions: Sequence[Json], answers: Sequence[Answer]) -> float | None:
    """The mean of the scored answers, each brought to 0 to 1; None where nothing was scored."""
    known = {question["id"]: question for question in questions}
    shares = [_share(known[answer.question_id], answer.score) for answer in answers if answer.score is not None]
    return fmean(shares) if shares else None


def _share(question: Json, given: int) -> float:
    lowest = LOWEST[QuestionKind(question["kind"])]
    return float((given - lowest) / (question["scale"] - lowest))


def comment(answers: Sequence[Answer]) -> str | None:
    """The first free text."""
    return next((answer.text.strip() for answer in answers if answer.text is not None), None)
