from __future__ import annotations

from datetime import UTC, datetime

from evals_pipeline.core.paths import Path
from evals_pipeline.mapping.preview import preview

SPANS = [
    {"context.span_id": "a", "attributes.output.value": "yes", "attributes.metadata": '{"env": "prod", "n": [1, 2]}'},
    {"context.span_id": "b", "attributes.output.value": "", "attributes.metadata": '{"env": null}'},
    {"context.span_id": "c", "attributes.output.value": None, "start_time": datetime(2026, 1, 2, tzinfo=UTC)},
]
TEXT = Path("attributes.output.value")


def test_a_preview_counts_the_spans_in_which_a_path_finds_a_value() -> None:
    text, env = preview(SPANS, {"text": TEXT, "env": Path("attributes.metadata", ("env",))})

    assert (text.variable, text.path, text.resolved, text.total) == ("text", TEXT, 2, 3)
    assert text.examples == (("a", "yes"), ("b", ""), ("c", None))
    assert (env.resolved, env.share) == (1, 1 / 3)
    assert env.examples == (("a", "prod"), ("b", None), ("c", None))


def test_values_that_are_no_text_are_shown_as_evaluators_see_them() -> None:
    numbers, start = preview(SPANS, {"numbers": Path("attributes.metadata", ("n",)), "start": Path("start_time")})

    assert numbers.examples[0] == ("a", "[1,2]")
    assert start.examples[2] == ("c", "2026-01-02T00:00:00.000000+00:00")


def test_a_limit_shortens_the_examples_and_not_the_count() -> None:
    (text,) = preview(SPANS, {"text": TEXT}, limit=1)

    assert text.examples == (("a", "yes"),)
    assert (text.resolved, text.total) == (2, 3)


def test_without_spans_there_is_no_share() -> None:
    (text,) = preview([], {"text": TEXT})

    assert (text.resolved, text.total, text.share, text.examples) == (0, 0, None, ())
