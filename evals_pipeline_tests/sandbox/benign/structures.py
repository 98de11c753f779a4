"""Formats, and the ways in which Python keeps things."""

from __future__ import annotations

import ast
import collections
import configparser
import contextlib
import copy
import csv
import dataclasses
import email
import enum
import functools
import io
import ipaddress
import json
import logging
import pickle
import tomllib
import typing
import warnings
import xml.etree.ElementTree

from evals_pipeline import CodeEvaluator, EvaluationResult


class IsJson(CodeEvaluator):
    def evaluate(self, *, output=None, **kwargs):
        try:
            parsed = json.loads(output)
        except ValueError as error:
            return EvaluationResult(label="no", score=0, explanation=str(error))
        return EvaluationResult(
            label=type(parsed).__name__, score=1, explanation=json.dumps(parsed, sort_keys=True, indent=1)
        )


class CountsItems(CodeEvaluator):
    def evaluate(self, *, items=None, **kwargs):
        prices = [item["price"] for item in items["order"]]
        return EvaluationResult(score=sum(prices), explanation=repr(sorted(items)), metadata={"prices": prices})


class Table(CodeEvaluator):
    def evaluate(self, *, output=None, reference=None, **kwargs):
        made = io.StringIO()
        csv.writer(made).writerows([[output, 1], [reference, "a,b"]])
        rows = list(csv.DictReader(io.StringIO("name,size\n" + made.getvalue())))
        kind = csv.Sniffer().sniff("a;b;c\n1;2;3\n").delimiter
        return EvaluationResult(label=kind, score=len(rows), explanation=repr(rows))


class Markup(CodeEvaluator):
    def evaluate(self, *, number=None, **kwargs):
        tree = xml.etree.ElementTree.fromstring(f"<a><b n='{number}'>x</b><b/></a>")
        xml.etree.ElementTree.indent(tree)
        return EvaluationResult(
            score=len(tree.findall("b")), explanation=xml.etree.ElementTree.tostring(tree, "unicode")
        )


class Settings(CodeEvaluator):
    def evaluate(self, *, number=None, **kwargs):
        ini = configparser.ConfigParser()
        ini.read_string(f"[a]\nb = {number}\nc = %(b)s!\n")
        toml = tomllib.loads(f"[a]\nb = {float(number)}\nd = 2024-02-29\n")
        return EvaluationResult(label=ini["a"]["c"], score=toml["a"]["b"], explanation=str(toml["a"]["d"]))


class Answer(CodeEvaluator):
    """Classes of every sort."""

    @dataclasses.dataclass(order=True)
    class Words:
        text: str
        count: int = dataclasses.field(init=False)

        def __post_init__(self):
            self.count = len(self.text.split())

    class Mood(enum.StrEnum):
        CALM = "calm"
        LOUD = "loud"

    class Pair(typing.NamedTuple):
        left: str
        right: int

    def evaluate(self, *, output=None, **kwargs):
        words = self.Words(output)
        mood = self.Mood.LOUD if "!" in output else self.Mood.CALM
        point = collections.namedtuple("Point", "x y")(1, words.count)
        pair = self.Pair("a", point.y)
        return EvaluationResult(
            label=mood, score=words.count, explanation=f"{dataclasses.asdict(words)} {point} {pair}"
        )


class Copies(CodeEvaluator):
    def evaluate(self, *, items=None, output=None, **kwargs):
        deep = copy.deepcopy(items)
        deep["order"].append({"price": 1})
        back = pickle.loads(pickle.dumps(items))
        order = collections.OrderedDict(sorted(collections.ChainMap({"a": 1}, {"b": output}).items()))
        return EvaluationResult(
            score=len(deep["order"]) - len(items["order"]), label=str(back == items), explanation=repr(order)
        )


class Remembers(CodeEvaluator):
    @staticmethod
    @functools.lru_cache(maxsize=8)
    def fibonacci(number):
        return number if number < 2 else Remembers.fibonacci(number - 1) + Remembers.fibonacci(number - 2)

    def evaluate(self, *, number=None, **kwargs):
        return EvaluationResult(score=self.fibonacci(int(abs(number)) % 60))


class Addresses(CodeEvaluator):
    def evaluate(self, *, output=None, **kwargs):
        inside = ipaddress.ip_network("10.0.0.0/8")
        found = []
        for word in output.split():
            with contextlib.suppress(ValueError):
                found.append(ipaddress.ip_address(word))
        private = sum(each in inside for each in found if each.version == 4)
        return EvaluationResult(score=private, explanation=repr([each.exploded for each in found]))


class Literal(CodeEvaluator):
    def evaluate(self, *, output=None, **kwargs):
        try:
            value = ast.literal_eval(output.strip() or "None")
        except (ValueError, SyntaxError) as error:
            return EvaluationResult(label=type(error).__name__)
        return EvaluationResult(label=type(value).__name__, explanation=ast.unparse(ast.parse("a=( 1,2 )")))


class Complains(CodeEvaluator):
    """Logs and warns; neither is in anybody's way."""

    def evaluate(self, *, output=None, **kwargs):
        logging.getLogger("evaluator").warning("seen %d characters", len(output))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            warnings.warn("old", DeprecationWarning, stacklevel=1)
        print("a line of its own")
        return EvaluationResult(label="seen", score=len(caught))


class Letter(CodeEvaluator):
    def evaluate(self, *, output=None, **kwargs):
        message = email.message_from_string("Subject: =?utf-8?q?caf=C3=A9?=\nX: 1\n\n" + output)
        return EvaluationResult(label=message["X"], explanation=f"{message['Subject']} {message.get_payload()[:20]}")


class WholeRow(CodeEvaluator):
    def evaluate(self, dataset_row, **kwargs):
        known = {name: type(value).__name__ for name, value in sorted(dataset_row.items())}
        return EvaluationResult(score=len(known), explanation=json.dumps(known))
