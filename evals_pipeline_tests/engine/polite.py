"""The custom evaluator of tests about versions, a folder with it, and a task that uses it."""

from __future__ import annotations

from pathlib import Path

from evals_pipeline_tests.builders import project_folder, write_code

CODE = '''from evals_pipeline import CodeEvaluator, EvaluationResult


class Polite(CodeEvaluator):
    """Whether it says please."""

    def evaluate(self, *, text=None, **kwargs):
        return EvaluationResult(label="polite" if "please" in text else "rude")
'''
OTHER = CODE.replace("please", "thank")


def polite_folder(folder: Path) -> Path:
    """A project with custom evaluator `polite` and task `manners` that uses it."""
    project_folder(folder, manners=manners("polite"))
    write_code(folder, "polite", CODE)
    return folder


def manners(evaluator: str) -> str:
    use = f"{{evaluator: '{evaluator}', mapping: {{text: attributes.output.value}}}}"
    return f"project: shop\nevaluators:\n  - {use}\n"
