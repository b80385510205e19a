"""A trial as a person reads it. Pure: lines of text."""

from collections.abc import Iterator

from app.orchestration.trials.queries import Trial


def lines(trial: Trial) -> Iterator[str]:
    """The trial, rule by rule: how many cases it looked at, how many would have ended otherwise, and the first ones."""
    against = trial.against
    yield f"{trial.span.since:%Y-%m-%d %H:%M} to {trial.span.until:%Y-%m-%d %H:%M}"
    yield f"against {against.name}, version {against.version}"
    for found in trial.findings:
        yield f"{found.rule}: {found.changed} of {found.looked_at} would have changed."
        for example in found.examples:
            yield f"    {example}"
        if found.changed > len(found.examples):
            yield f"    ... and {found.changed - len(found.examples)} more."
        if found.unknown:
            yield f"    Of {found.unknown} nobody can tell: {found.why_unknown}"
    yield f"{trial.changed} changes in all. Nothing was changed."
