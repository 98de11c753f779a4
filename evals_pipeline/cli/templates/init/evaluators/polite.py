"""A class in Python judges each span, in a sandbox. The file's name is the evaluator's name.

`evals hub check evaluators/polite.py` looks at it without running it, `evals hub test polite` runs it on a few spans.
"""

from evals_pipeline import CodeEvaluator, EvaluationResult


class Polite(CodeEvaluator):
    """Whether an answer has polite words."""

    words: list[str] = ["please", "thank", "sorry", "glad"]  # a task may set it: parameters: {words: [...]}

    def evaluate(self, *, answer=None, **kwargs):
        """Say a label, a score or both; `answer` is a variable, which the task maps to a column."""
        found = [word for word in self.words if word in answer.lower()]
        label = "polite" if found else "plain"
        return EvaluationResult(score=len(found), label=label, explanation=f"found {found}")
