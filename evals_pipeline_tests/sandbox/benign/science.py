"""The scientific packages and pydantic."""

from __future__ import annotations

import io

import numpy
import pandas
import pydantic
import scipy.fft
import scipy.linalg
import scipy.optimize
import scipy.spatial
import scipy.stats

from evals_pipeline import CodeEvaluator, EvaluationResult


class Cosine(CodeEvaluator):
    def evaluate(self, *, output=None, reference=None, **kwargs):
        vectors = numpy.zeros((2, 26))
        for row, text in enumerate((output, reference)):
            for letter in text.lower():
                if "a" <= letter <= "z":
                    vectors[row, ord(letter) - 97] += 1
        norms = numpy.linalg.norm(vectors, axis=1)
        score = vectors[0] @ vectors[1] / norms.prod() if norms.all() else numpy.float64(0)
        return EvaluationResult(score=score, explanation=numpy.array2string(vectors[0].astype(int)))


class LinearAlgebra(CodeEvaluator):
    def evaluate(self, *, number=None, **kwargs):
        chance = numpy.random.default_rng(int(abs(number)))
        matrix = chance.normal(size=(4, 4))
        solved = numpy.linalg.solve(matrix @ matrix.T + numpy.eye(4), numpy.ones(4))
        spectrum = numpy.abs(numpy.fft.rfft(numpy.arange(8) * number))
        return EvaluationResult(score=round(float(solved.sum()), 9), explanation=str(spectrum.round(6)))


class Frame(CodeEvaluator):
    def evaluate(self, *, output=None, number=None, **kwargs):
        frame = pandas.read_csv(io.StringIO(f"word,size\na,{number}\nb,2\na,3\n"))
        sums = frame.groupby("word")["size"].agg(["sum", "mean"])
        words = pandas.Series(output.split(), dtype="str").str.len().describe()
        return EvaluationResult(score=sums.loc["a", "sum"], explanation=f"{sums.to_dict()} {words.get('max')}")


class FrameOfTimes(CodeEvaluator):
    def evaluate(self, *, when=None, **kwargs):
        times = pandas.date_range(when, periods=5, freq="36h")
        local = times.tz_convert("Europe/Berlin")
        daily = pandas.Series(1, index=local).resample("1D").sum()
        return EvaluationResult(score=daily.max(), explanation=f"{local[-1]} {len(daily)} {local[0].day_name()}")


class Pivot(CodeEvaluator):
    def evaluate(self, *, items=None, **kwargs):
        frame = pandas.json_normalize(items["order"])
        frame["rank"] = frame["price"].rank().astype(int)
        wide = frame.assign(one=1).pivot_table(index="one", columns="rank", values="price", aggfunc="sum")
        merged = frame.merge(frame, on="price", suffixes=("", "_2")).query("price > 1")
        return EvaluationResult(score=len(merged), explanation=f"{wide.to_json()} {frame.eval('price * 2').tolist()}")


class Statistics(CodeEvaluator):
    def evaluate(self, *, number=None, output=None, **kwargs):
        lengths = [len(word) for word in output.split()] + [1, 4, 9, 16]
        order = scipy.stats.spearmanr(lengths, range(len(lengths)))
        told = scipy.stats.ttest_1samp(lengths, 3.5).pvalue
        return EvaluationResult(
            score=round(float(order.statistic), 9), explanation=f"{told:.9f} {scipy.stats.norm.cdf(number):.9f}"
        )


class Optimum(CodeEvaluator):
    def evaluate(self, *, number=None, **kwargs):
        root = scipy.optimize.brentq(lambda x: x**3 - abs(number) - 1, -1e5, 1e5)
        spectrum = scipy.fft.dct(numpy.arange(16.0))
        distance = scipy.spatial.distance.jensenshannon([0.5, 0.5], [0.1, 0.9])
        inverse = scipy.linalg.inv([[2.0, 1.0], [1.0, 3.0]])
        return EvaluationResult(
            score=round(root, 6), explanation=f"{spectrum[1]:.6f} {distance:.6f} {inverse.round(6).tolist()}"
        )


class Validated(CodeEvaluator):
    class Order(pydantic.BaseModel):
        price: float = pydantic.Field(gt=0)
        name: str = "none"

    def evaluate(self, *, output=None, items=None, **kwargs):
        orders = [self.Order.model_validate(item) for item in items["order"]]
        try:
            self.Order.model_validate_json(output)
        except pydantic.ValidationError as error:
            return EvaluationResult(label=error.errors()[0]["type"], score=sum(order.price for order in orders))
        return EvaluationResult(label="order", explanation=orders[0].model_dump_json())
