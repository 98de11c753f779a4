"""Comparing, cleaning and counting text."""

from __future__ import annotations

import base64
import codecs
import collections
import difflib
import hashlib
import hmac
import html
import html.parser
import itertools
import re
import string
import textwrap
import unicodedata
import urllib.parse
import uuid
import zlib

import jellyfish

from evals_pipeline import CodeEvaluator, EvaluationResult


class Levenshtein(CodeEvaluator):
    def evaluate(self, *, output=None, reference=None, **kwargs):
        distance = jellyfish.levenshtein_distance(output, reference)
        longest = max(len(output), len(reference), 1)
        return EvaluationResult(score=1 - distance / longest, explanation=f"{distance} of {longest}")


class SoundsAlike(CodeEvaluator):
    def evaluate(self, *, output=None, reference=None, **kwargs):
        near = jellyfish.jaro_winkler_similarity(output, reference)
        code = jellyfish.soundex(re.sub("[^a-z]", "", output.lower()) or "none")
        return EvaluationResult(label=code, score=round(near, 6), explanation=jellyfish.metaphone(output[:40]))


class Difference(CodeEvaluator):
    """How much of the reference is there, and what is not."""

    def evaluate(self, *, output=None, reference=None, **kwargs):
        ratio = difflib.SequenceMatcher(None, output, reference).ratio()
        lines = difflib.unified_diff(reference.splitlines(), output.splitlines(), lineterm="")
        return EvaluationResult(score=ratio, explanation="\n".join(lines))


class HasOrderNumber(CodeEvaluator):
    PATTERN = re.compile(r"(?P<prefix>[A-Z]{3})-(?P<number>\d{4,})(?!\d)", re.VERBOSE)

    def evaluate(self, *, output=None, **kwargs):
        found = self.PATTERN.search(output)
        if found is None:
            return EvaluationResult(label="absent", score=0)
        return EvaluationResult(label="present", score=1, explanation=f"{found['prefix']} {int(found['number'])}")


class Normalised(CodeEvaluator):
    def evaluate(self, *, output=None, **kwargs):
        plain = unicodedata.normalize("NFKD", output).casefold()
        letters = "".join(each for each in plain if not unicodedata.combining(each))
        names = [unicodedata.name(each, "?") for each in output if ord(each) > 127]
        return EvaluationResult(label=letters[:100].strip() or "empty", explanation="; ".join(names))


class Wrapped(CodeEvaluator):
    def evaluate(self, *, output=None, **kwargs):
        lines = textwrap.wrap(output, 20)
        return EvaluationResult(score=len(lines), explanation=textwrap.indent("\n".join(lines), "> "))


class IsCleanHtml(CodeEvaluator):
    def evaluate(self, *, output=None, **kwargs):
        found = []
        parser = html.parser.HTMLParser()
        parser.handle_starttag = lambda tag, attributes: found.append(tag)
        parser.feed(output)
        return EvaluationResult(label=found[0] if found else "text", explanation=html.escape(html.unescape(output)))


class Links(CodeEvaluator):
    def evaluate(self, *, output=None, **kwargs):
        parts = [urllib.parse.urlsplit(word) for word in output.split() if "://" in word]
        asked = [urllib.parse.parse_qs(part.query) for part in parts]
        return EvaluationResult(score=len(parts), explanation=f"{[part.netloc for part in parts]} {asked}")


class FilledTemplate(CodeEvaluator):
    def evaluate(self, *, output=None, number=None, **kwargs):
        text = string.Template("$number times $$1 for ${name}").safe_substitute(number=number, name=output[:10])
        fields = [field for _, field, _, _ in string.Formatter().parse("{a} {b.c}") if field]
        return EvaluationResult(label="filled", explanation=f"{text} {fields} {string.capwords(output[:20])}")


class MostCommonWords(CodeEvaluator):
    def evaluate(self, *, output=None, **kwargs):
        words = re.findall(r"\w+", output.lower())
        common = collections.Counter(words).most_common(3)
        runs = [(key, len(list(group))) for key, group in itertools.groupby(sorted(words), key=len)]
        return EvaluationResult(score=len(set(words)) / max(len(words), 1), explanation=f"{common} {runs}")


class Encoded(CodeEvaluator):
    def evaluate(self, *, output=None, **kwargs):
        packed = base64.b85encode(zlib.compress(output.encode())).decode()
        back = zlib.decompress(base64.b85decode(packed)).decode() == output
        turned = codecs.encode(output, "rot13")
        name = "bücher.example".encode("idna").decode()
        latin = output.encode("cp1252", "xmlcharrefreplace").decode("latin-1")
        return EvaluationResult(label=str(back), explanation=f"{packed} {turned} {name} {latin}")


class Fingerprint(CodeEvaluator):
    def evaluate(self, *, output=None, reference=None, **kwargs):
        digest = hashlib.blake2b(output.encode(), digest_size=8).hexdigest()
        signature = hmac.new(b"key", reference.encode(), hashlib.sha256).hexdigest()
        name = uuid.uuid5(uuid.NAMESPACE_URL, output)
        return EvaluationResult(label=digest, score=zlib.crc32(output.encode()), explanation=f"{signature} {name}")
