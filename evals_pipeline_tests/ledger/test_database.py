"""Opening and migrating a ledger, several processes at once included."""

from __future__ import annotations

from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

from evals_pipeline.core.errors import LedgerError
from evals_pipeline.ledger import database
from evals_pipeline.ledger.database import Database
from evals_pipeline.ledger.ledger import FileRead, Ledger, RunKey
from evals_pipeline.ledger.schema import metadata
from evals_pipeline_tests.builders import DAY, now

_CONTEXT = get_context("forkserver")
_CONTEXT.set_forkserver_preload([__name__])


def test_the_migrations_make_exactly_the_tables_of_the_schema(url: str) -> None:
    opened = Database(url)

    with opened.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        differences = compare_metadata(context, metadata)
        revision = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    opened.close()

    assert differences == []
    assert revision == database.NEWEST_REVISION


def test_the_newest_revision_is_the_last_migration() -> None:
    folder = Path(database.__file__).parent / "migrations" / "versions"

    newest = sorted(path.name for path in folder.glob("m*.py"))[-1]

    assert newest.startswith(f"m{database.NEWEST_REVISION}_")


def test_a_ledger_that_is_opened_again_keeps_what_it_holds(url: str) -> None:
    first = Ledger(url)
    first.setting("first_day", "2026-01-01")
    first.close()

    again = Ledger(url)

    assert again.setting("first_day", "2030-12-31") == "2026-01-01"
    again.close()


def test_a_ledger_of_the_first_release_gets_the_new_tables_and_keeps_its_rows(url: str) -> None:
    _make_tables(url, "0001")
    rows = {
        "settings": {"key": "first_day", "value": "2026-01-01"},
        "source_files": {"project": "p", "uri": "u", "version": "v", "spans": 1, "problems": 0, "read_at": now()},
    }
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for table, row in rows.items():
            connection.execute(metadata.tables[table].insert(), row)
    engine.dispose()

    ledger = Ledger(url)

    assert ledger.setting("first_day", "2030-12-31") == "2026-01-01"
    assert ledger.files_read("p") == {"u": "v"}
    assert ledger.spending() == {}
    ledger.close()


def test_a_ledger_of_a_later_release_is_refused_with_a_hint(url: str) -> None:
    Database(url).close()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(LedgerError, match=r"newer evals-pipeline: revision 9999, .*\nHint: pip install"):
        Database(url)


def test_the_folder_of_a_database_is_made(tmp_path: Path) -> None:
    Ledger(f"sqlite:///{tmp_path / 'deep' / 'er' / 'ledger.db'}").close()

    assert (tmp_path / "deep" / "er" / "ledger.db").is_file()


def test_a_folder_that_cannot_be_made_is_a_ledger_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(LedgerError, match="cannot be made"):
        Ledger(f"sqlite:///{tmp_path / 'file' / 'ledger.db'}")


@pytest.mark.parametrize("url_of_nothing", ["no address", "nosuchdatabase://x", "postgresql+psycopg://"])
def test_an_address_that_is_none_is_a_ledger_error(url_of_nothing: str) -> None:
    if "psycopg" in url_of_nothing:
        pytest.importorskip("psycopg", reason="needs `psycopg[binary]`")

    with pytest.raises(LedgerError):
        Ledger(url_of_nothing)


def test_a_password_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()

    with pytest.raises(LedgerError) as error:
        Ledger(f"sqlite://user:secret@/{tmp_path / 'ledger.db'}")

    assert "secret" not in str(error.value)


def test_many_processes_may_open_a_new_ledger_at_once_and_lose_nothing(url: str) -> None:
    answers: SimpleQueue[str] = _CONTEXT.SimpleQueue()
    processes = [_CONTEXT.Process(target=_use, args=(url, f"p{number}", answers)) for number in range(4)]

    for process in processes:
        process.start()
    for process in processes:
        process.join()

    ledger = Ledger(url)
    files, runs = ledger.files_read("shop"), ledger.runs(limit=1000)
    ledger.close()
    assert [process.exitcode for process in processes] == [0] * 4
    assert len({answers.get() for _ in processes}) == 1
    assert (len(files), len(runs), {run.status for run in runs}) == (80, 80, {"finished"})


def _make_tables(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def _use(url: str, name: str, answers: SimpleQueue[str]) -> None:
    ledger = Ledger(url)
    answers.put(ledger.setting("who was first", name))
    for number in range(20):
        key = RunKey(f"{name} {number}", "shop", "format", DAY)
        ledger.record_file("shop", FileRead(f"{name} {number}", "v", 1, 0), [], now=now())
        ledger.start_run(key, {}, now=now())
        ledger.finish_run(key, {}, None, now=now())
    ledger.close()
