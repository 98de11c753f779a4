"""The words and the Python of exported scripts and notebooks that are the same for every evaluator."""

from __future__ import annotations

NAMES = frozenset({"TASK_MAPPING", "TASK_PARAMETERS", "TASK_ROWS", "run_evaluators", "_json", "_datetime"})
"""What an export defines itself, beside the evaluator's source."""

LIFTED = "# of the evaluator, where it is a comment: a script allows it at its top only"

SETTINGS = (
    "# What the task says: static parameters, and from which column each variable is read.\n"
    "# Then rows of it, by unit: column -> value, as the evaluator is shown them.\n"
)

SETUP = (
    "from evals_pipeline import use_arize_paths\n\n"
    "use_arize_paths()  # where arize is not installed, `from arize.….evaluators.base import …` finds ours\n"
)
"""What custom code needs before its source."""

_RIGHTS = "There is no sandbox here: the class runs in this process, with your rights. Run code that you have read.\n"


def begins(file: str) -> str:
    """The line above the evaluator."""
    return f"# ---- {file} begins ----"


def ends(file: str) -> str:
    """The line below the evaluator."""
    return f"# ---- {file} ends ----"


def script_help(name: str, file: str, *, is_code: bool) -> str:
    """How to use the script."""
    return (
        f"Run it:        python {name}.py\n"
        f"Change it:     between the lines that say where {file} begins and ends.\n"
        f"Take it back:  {_take_back(file, is_code=is_code)}\n"
        f"Look at it:    {_look(file, is_code=is_code)}\n\n"
        f"{_RIGHTS if is_code else ''}"
    )


def notebook_help(file: str, *, is_code: bool) -> str:
    """How to use the notebook."""
    return (
        "- Run all cells: the last one shows the evaluator the rows and prints a table.\n"
        "- Change the cell of the evaluator and run it and the last one again.\n"
        f"- Take it back: {_take_back(file, is_code=is_code)}\n"
        f"- Look at it: `{_look(file, is_code=is_code)}`\n\n"
        f"{_RIGHTS if is_code else ''}"
    )


def _look(file: str, *, is_code: bool) -> str:
    return f"evals hub check {file}" if is_code else "evals check"


def _take_back(file: str, *, is_code: bool) -> str:
    return f"copy the evaluator into {file}." if is_code else f"copy what you changed into {file}."


RUN = '''
def run_evaluators():
    """Show the evaluator each row, print a table of what it says, and return it; a row that fails has its error."""
{making}
    results = []
    for unit, row in TASK_ROWS.items():
        values = {{variable: row[path] for variable, path in TASK_MAPPING.items()}}
        missing = [variable for variable, value in values.items() if value is None]
        try:
            if missing:
                raise LookupError(f"skipped, no value for: {{', '.join(missing)}}")
            result = {called}
            if result is None:
                raise TypeError("evaluate() returned nothing")
            results.append((unit, result.label, result.score, result.explanation))
        except Exception as error:
            results.append((unit, None, None, f"{{type(error).__name__}}: {{error}}"))
    table = [("unit", "label", "score", "explanation or error"), *results]
    shown = [["" if cell is None else " ".join(str(cell).split()) for cell in line] for line in table]
    cut = [["".join(filter(str.isprintable, cell))[:70] for cell in line] for line in shown]
    widths = [max(map(len, column)) for column in zip(*cut)]
    for line in cut:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
    return results
'''
"""Judges the rows, with `making` and `called` filled in."""
