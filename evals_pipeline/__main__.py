"""`python -m evals_pipeline`: the program `evals`, where its script is not on the path."""

from evals_pipeline.cli.main import app

if __name__ == "__main__":
    app(prog_name="evals")
