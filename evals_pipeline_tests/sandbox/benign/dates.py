"""Days, hours and zones."""

from __future__ import annotations

import calendar
import datetime
import email.utils
import time
import zoneinfo

from evals_pipeline import CodeEvaluator, EvaluationResult


class AnsweredInOfficeHours(CodeEvaluator):
    def evaluate(self, *, when=None, **kwargs):
        there = when.astimezone(zoneinfo.ZoneInfo("Europe/Berlin"))
        is_office = there.weekday() < 5 and 9 <= there.hour < 17
        return EvaluationResult(
            label="office" if is_office else "closed", score=is_office, explanation=there.isoformat()
        )


class AroundTheWorld(CodeEvaluator):
    ZONES = ("Asia/Kolkata", "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe")

    def evaluate(self, *, when=None, **kwargs):
        told = [when.astimezone(zoneinfo.ZoneInfo(name)).strftime("%d. %H:%M %Z") for name in self.ZONES]
        summer = zoneinfo.ZoneInfo("America/New_York").dst(when.replace(tzinfo=None))
        return EvaluationResult(score=summer.total_seconds(), explanation=", ".join(told))


class ParsedDates(CodeEvaluator):
    def evaluate(self, *, output=None, **kwargs):
        found = []
        for word in output.replace(",", " ").split():
            for form in ("%Y-%m-%d", "%d.%m.%Y", "%H:%M"):
                try:
                    found.append(datetime.datetime.strptime(word, form))  # noqa: DTZ007
                except ValueError:
                    continue
        return EvaluationResult(score=len(found), explanation=repr(found))


class NextMonth(CodeEvaluator):
    def evaluate(self, *, when=None, number=None, **kwargs):
        last = calendar.monthrange(when.year, when.month)[1]
        later = when + datetime.timedelta(days=last, seconds=number)
        week = later.isocalendar()
        return EvaluationResult(
            label=calendar.day_name[later.weekday()], score=week.week, explanation=f"{later:%A, %d %B %Y}"
        )


class Letters(CodeEvaluator):
    def evaluate(self, *, when=None, **kwargs):
        written = email.utils.format_datetime(when)
        back = email.utils.parsedate_to_datetime(written)
        named = time.strftime("%j", time.gmtime(when.timestamp()))
        return EvaluationResult(
            label=named, score=when.timestamp(), explanation=f"{written} {back == when.replace(microsecond=0)}"
        )
