"""Questionnaires and answers, as the customer's page sees them."""

from datetime import datetime

import strawberry

from app.core.ids import to_global
from app.models import Feedback, Questionnaire
from app.models.base import Json
from app.orchestration.feedback import policies
from app.orchestration.feedback.policies import QuestionKind
from app.schema.errors import UserErrorType

strawberry.enum(QuestionKind, description="How a question is answered.")


@strawberry.type(name="FeedbackQuestion")
class FeedbackQuestionType:
    """One question, in the recipient's language. `scale` is the highest score; NPS starts at 0, SCALE at 1."""

    id: str
    kind: QuestionKind
    prompt: str
    scale: int | None
    options: list[str]
    required: bool

    @staticmethod
    def of(question: Json, *, locale: str) -> "FeedbackQuestionType":
        """One question of a questionnaire."""
        return FeedbackQuestionType(
            id=question["id"],
            kind=QuestionKind(question["kind"]),
            prompt=policies.prompt(question, locale),
            scale=question["scale"],
            options=question["options"],
            required=question["required"],
        )


@strawberry.type(name="FeedbackForm")
class FeedbackFormType:
    """The questionnaire of an order; `submittedAt` is set once it was answered."""

    id: strawberry.ID
    questions: list[FeedbackQuestionType]
    submitted_at: datetime | None

    @staticmethod
    def of(questionnaire: Questionnaire, *, locale: str, feedback: Feedback | None) -> "FeedbackFormType":
        """The form in the recipient's language."""
        return FeedbackFormType(
            id=strawberry.ID(to_global("Questionnaire", questionnaire.id)),
            questions=[FeedbackQuestionType.of(question, locale=locale) for question in questionnaire.questions],
            submitted_at=feedback.created_at if feedback else None,
        )


@strawberry.type(name="Feedback")
class FeedbackType:
    """What a customer answered. `score` is the mean of the scored answers, 0 to 1."""

    id: strawberry.ID
    submitted_at: datetime
    score: float | None
    comment: str | None

    @staticmethod
    def of(row: Feedback) -> "FeedbackType":
        """The answers for an answer."""
        return FeedbackType(
            id=strawberry.ID(to_global("Feedback", row.id)),
            submitted_at=row.created_at,
            score=row.score,
            comment=row.comment,
        )


@strawberry.input
class FeedbackAnswerInput:
    """One answer: a score, a choice or a text, as the question's kind asks."""

    question_id: str
    score: int | None = None
    choice: str | None = None
    text: str | None = None


@strawberry.input
class SubmitFeedbackInput:
    """A customer's answers."""

    answers: list[FeedbackAnswerInput]
    idempotency_key: str | None = None


@strawberry.type
class SubmitFeedbackPayload:
    """What became of the answers."""

    feedback: FeedbackType | None = None
    user_errors: list[UserErrorType] = strawberry.field(default_factory=list)
