"""What a user sees in the Dagster UI after `make demo` and `make dev`."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from selenium.common.exceptions import TimeoutException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.xdist_group("browser")]

_RESULTS = "/assets/support_bot/answer_format_results"
_SECONDS = 60


def test_the_asset_graph_shows_the_four_assets_of_each_task(dagster_ui: str, browser: Chrome) -> None:
    browser.get(f"{dagster_ui}/locations/evals_pipeline.definitions/asset-groups/support_bot")

    _see(browser, "graph", "spans", "answer_format_inputs", "answer_format_results", "answer_format_annotations")
    _see(browser, "graph", "answer_content_inputs", "answer_content_results", "answer_content_annotations")


def test_the_page_of_a_day_shows_labels_scores_and_outcomes(dagster_ui: str, browser: Chrome) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)

    browser.get(f"{dagster_ui}{_RESULTS}?view=partitions&partition={yesterday}")

    _see(browser, "metadata", "json_parseable/score_mean", "json_parseable/score_count", "dagster/partition_row_count")


def test_the_page_of_results_shows_which_days_are_evaluated(dagster_ui: str, browser: Chrome) -> None:
    browser.get(f"{dagster_ui}{_RESULTS}?view=partitions")

    _see(browser, "partitions", "Materialized", "Missing")


def test_the_check_that_counts_every_candidate_has_passed(dagster_ui: str, browser: Chrome) -> None:
    browser.get(f"{dagster_ui}{_RESULTS}?view=checks")

    _see(browser, "checks", "Passed")


def _see(browser: Chrome, name: str, *words: str) -> None:
    """Wait until the page shows all `words`; keep a picture where EVALS_SCREENSHOTS says."""
    try:
        WebDriverWait(browser, _SECONDS).until(lambda window: not _missing(window, words))
    except TimeoutException:
        pytest.fail(f"the page does not show {_missing(browser, words)}; it shows:\n{_text(browser)[:1500]}")
    finally:
        if os.environ.get("EVALS_SCREENSHOTS"):
            browser.save_screenshot(str(Path(os.environ["EVALS_SCREENSHOTS"]) / f"{name}.png"))


def _missing(browser: Chrome, words: tuple[str, ...]) -> list[str]:
    text = _text(browser)
    return [word for word in words if word not in text]


def _text(browser: Chrome) -> str:
    return browser.find_element(By.TAG_NAME, "body").text
