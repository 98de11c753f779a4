"""Arithmetic with and without rounding, order and chance."""

from __future__ import annotations

import array
import bisect
import cmath
import decimal
import fractions
import heapq
import math
import operator
import random
import statistics
import struct

from evals_pipeline import CodeEvaluator, EvaluationResult


class WordLengths(CodeEvaluator):
    def evaluate(self, *, output=None, **kwargs):
        lengths = [len(word) for word in output.split()]
        if len(lengths) < 2:
            return EvaluationResult(label="too short")
        quartiles = statistics.quantiles(lengths, n=4)
        return EvaluationResult(score=statistics.mean(lengths), explanation=f"{quartiles} {statistics.stdev(lengths)}")


class Price(CodeEvaluator):
    def evaluate(self, *, number=None, **kwargs):
        with decimal.localcontext() as context:
            context.prec = 30
            price = decimal.Decimal(repr(number)) * decimal.Decimal("1.19")
            shown = price.quantize(decimal.Decimal("0.01"), rounding=decimal.ROUND_HALF_EVEN)
        return EvaluationResult(score=float(shown), explanation=f"{shown} {price.normalize()}")


class Proportion(CodeEvaluator):
    def evaluate(self, *, output=None, reference=None, **kwargs):
        share = fractions.Fraction(len(output), len(reference) + 1).limit_denominator(10)
        return EvaluationResult(label=str(share), score=share)


class Geometry(CodeEvaluator):
    def evaluate(self, *, number=None, **kwargs):
        angle = math.atan2(number, 3.0)
        root = cmath.sqrt(complex(-number, 1))
        ways = math.comb(40, int(abs(number)) % 40)
        return EvaluationResult(
            score=math.hypot(number, 1.5), explanation=f"{angle!r} {root!r} {ways} {math.gcd(84, 36)}"
        )


class SeededChoice(CodeEvaluator):
    def evaluate(self, *, output=None, **kwargs):
        chance = random.Random(output)
        order = list("abcdef")
        chance.shuffle(order)
        return EvaluationResult(
            score=chance.gauss(0, 1), label="".join(order), explanation=repr(chance.sample(range(99), 3))
        )


class Grade(CodeEvaluator):
    def evaluate(self, *, number=None, **kwargs):
        place = bisect.bisect([10, 100, 1_000], abs(number))
        return EvaluationResult(label="DCBA"[place], score=place)


class LargestFirst(CodeEvaluator):
    def evaluate(self, *, output=None, **kwargs):
        words = sorted(enumerate(output.split()), key=operator.itemgetter(1), reverse=True)
        largest = heapq.nlargest(2, (len(word) for _, word in words))
        packed = struct.pack("<hd", len(words), float(sum(largest)))
        return EvaluationResult(score=sum(array.array("d", largest)), explanation=f"{packed.hex()} {words[:2]}")


class DividesByZero(CodeEvaluator):
    def evaluate(self, *, output=None, number=None, **kwargs):
        return EvaluationResult(score=number / len(output))
