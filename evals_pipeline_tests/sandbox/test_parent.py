import sys
from pathlib import Path

import pytest

from evals_pipeline.core.errors import SandboxError
from evals_pipeline.sandbox.parent import Host, Sandbox
from evals_pipeline.sandbox.settings import PACKAGES, SandboxSettings
from evals_pipeline_tests.sandbox.processes import few_descriptors, marked, processes_of
from evals_pipeline_tests.sandbox.programs import batch, errors, judging, labels

UNSAFE = SandboxSettings(is_unsafe=True)
ECHO = judging("return EvaluationResult(label=output)")


def test_an_unsafe_sandbox_says_that_nothing_is_confined(unsafe: Sandbox) -> None:
    assert unsafe.report.tier is None
    assert not unsafe.report.is_confined
    assert unsafe.report.packages == PACKAGES
    assert "EVALS_SANDBOX=unsafe" in unsafe.report.reasons[0]


def test_a_confined_sandbox_says_how_well(confined: Sandbox) -> None:
    assert confined.report.tier in (1, 2, 3)
    assert confined.report.seccomp
    assert confined.report.packages == PACKAGES


def test_many_sandboxes_live_side_by_side(tmp_path: Path) -> None:
    sandboxes = [Sandbox.start(UNSAFE, host=marked(tmp_path)) for _ in range(2)]

    found = []
    for each in sandboxes:
        with each.session(ECHO) as session:
            found.append(labels(session.evaluate(batch("a"))))
        each.close()

    assert found == [["a"]] * 2
    assert processes_of(tmp_path) == []


def test_closing_a_sandbox_ends_what_is_under_way(tmp_path: Path) -> None:
    sandbox = Sandbox.start(UNSAFE, host=marked(tmp_path))
    session = sandbox.session(ECHO)
    session.evaluate(batch("a"))

    sandbox.close()
    sandbox.close()

    assert processes_of(tmp_path) == []
    with pytest.raises(SandboxError):
        session.evaluate(batch("b"))
    session.close()
    with pytest.raises(SandboxError, match="closed"):
        sandbox.session(ECHO).evaluate(batch("c"))


def test_an_interpreter_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="nowhere"):
        Sandbox.start(UNSAFE, host=Host(str(tmp_path / "nowhere"), ()))


@pytest.mark.parametrize("spare", range(4))
def test_a_sandbox_for_which_there_are_no_descriptors_says_so_and_leaves_none_open(spare: int) -> None:
    with few_descriptors(spare), pytest.raises(SandboxError, match="Too many open files"):
        Sandbox.start(UNSAFE)


def test_a_fork_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'no module is where it was' >&2\nexit 3\n", "utf-8")
    broken.chmod(0o755)

    with pytest.raises(SandboxError, match="exit status 3. It said: no module is where it was"):
        Sandbox.start(UNSAFE, host=Host(str(broken), ()))


def test_a_fork_server_that_may_not_start_leaves_no_process(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="Hint"):
        Sandbox.start(SandboxSettings(), tier=9, host=marked(tmp_path))

    assert processes_of(tmp_path) == []


def test_what_evaluators_import_is_there_before_they_are(unsafe: Sandbox) -> None:
    program = judging("import sys; return EvaluationResult(label=str('colorsys' in sys.modules))")

    with Sandbox.start(UNSAFE, preload=("colorsys",)) as sandbox, sandbox.session(program) as session:
        preloaded = labels(session.evaluate(batch("a")))
    with unsafe.session(program) as session:
        plain = labels(session.evaluate(batch("a")))

    assert (preloaded, plain) == (["True"], ["False"])


@pytest.mark.parametrize("name", ["evil", "evil.part", "antigravity"])
def test_nothing_is_imported_before_confinement_that_the_operator_does_not_know(tmp_path: Path, name: str) -> None:
    for place in (tmp_path / "evil.py", tmp_path / "antigravity.py"):
        place.write_text(f"open({str(tmp_path / 'came_here')!r}, 'w').close()", "utf-8")

    with Sandbox.start(UNSAFE, preload=(name,), host=marked(tmp_path)):
        pass

    assert not (tmp_path / "came_here").exists()


def test_a_package_that_cannot_be_imported_is_an_error_of_the_evaluator_only() -> None:
    settings = SandboxSettings(is_unsafe=True, packages=(*PACKAGES, "not_installed"))
    program = judging("import not_installed")

    with (
        Sandbox.start(settings, preload=("not_installed",)) as sandbox,
        sandbox.session(program) as session,
    ):
        table = session.evaluate(batch("a"))

    assert labels(table) == ["ModuleNotFoundError"]
    assert "No module named 'not_installed'" in (errors(table)[0] or "")


@pytest.mark.parametrize("tier", [None, 3])
def test_a_package_that_the_operator_adds_works_in_confinement(tier: int | None) -> None:
    settings = SandboxSettings(packages=(*PACKAGES, "yaml"))
    program = judging("import yaml\nreturn EvaluationResult(label=yaml.safe_load(output)['label'])")

    with (
        Sandbox.start(settings, preload=("yaml",), tier=tier) as sandbox,
        sandbox.session(program) as session,
    ):
        table = session.evaluate(batch("{label: read}"))

    assert labels(table) == ["read"]


def test_pasted_imports_find_our_classes_even_where_arize_is_installed(tmp_path: Path) -> None:
    (tmp_path / "arize").mkdir()
    (tmp_path / "arize" / "__init__.py").write_text("raise ImportError('a version without this path')", "utf-8")
    program = judging(
        """
        from arize.experimental.datasets.experiments.evaluators.base import EvaluationResult as Result
        return Result(label=str(Result is EvaluationResult))
        """
    )

    with Sandbox.start(UNSAFE, host=marked(tmp_path)) as sandbox, sandbox.session(program) as session:
        table = session.evaluate(batch("a"))

    assert labels(table) == ["True"]


def test_the_host_of_this_process_names_the_folder_of_this_package() -> None:
    host = Host.of_this_process(("numpy", "not_installed", "sys"))

    assert host.python == sys.executable
    assert str(Path(__file__).parents[2]) in host.paths
    assert all(Path(each).is_absolute() for each in host.paths)
