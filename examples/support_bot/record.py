"""Record the support bot: let scripted customers talk to it and keep the traces."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

from openai import OpenAI
from openinference.instrumentation import OITracer, TracerProvider
from openinference.instrumentation.openai import OpenAIInstrumentor
from openinference.semconv.resource import ResourceAttributes
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

# isort: split
from bot.agent import MODEL, Conversation, SupportBot
from bot.prompts import FIRST, SECOND
from recording.customers import Appointment, load_scripts, spread
from recording.model_server import model_server
from recording.otlp_json import encode, write

FOLDER = Path(__file__).parent
PROJECT = "support_bot"


class Recorder:
    """Plays scripts against the bot and gives back what was traced."""

    def __init__(self, base_url: str, days: int) -> None:
        self._spans = InMemorySpanExporter()
        self._days = days
        tracer = self._instrument()
        client = OpenAI(base_url=base_url, api_key="unused", max_retries=0)
        self._bots = [SupportBot(client, tracer, release, FOLDER) for release in (FIRST, SECOND)]

    def play(self, appointment: Appointment) -> list[ExportTraceServiceRequest]:
        """Play one session, moved as a whole to its appointment; one request per turn."""
        script, bot = appointment.script, self._bot_of(appointment.day)
        metadata = {"channel": script.channel, "scenario": script.scenario}
        conversation = Conversation(script.session_id, script.customer, metadata)
        shift = _nanoseconds(appointment.starts_at) - _nanoseconds(datetime.now(UTC))
        return [self._turn(bot, conversation, message, shift) for message in script.messages]

    def _turn(self, bot: SupportBot, conversation: Conversation, message: str, shift: int) -> ExportTraceServiceRequest:
        bot.reply(conversation, message)
        request = encode(self._spans.get_finished_spans(), shift)
        self._spans.clear()
        return request

    def _bot_of(self, day: int) -> SupportBot:
        """The second release goes live in the middle of the recorded days."""
        return self._bots[day >= self._days / 2]

    def _instrument(self) -> OITracer:
        resource = Resource.create({SERVICE_NAME: "support-bot", ResourceAttributes.PROJECT_NAME: PROJECT})
        provider = TracerProvider(resource=resource)
        provider.add_span_processor(SimpleSpanProcessor(self._spans))
        OpenAIInstrumentor().instrument(tracer_provider=provider)
        return provider.get_tracer("support_bot")


def record(appointments: Sequence[Appointment], recorder: Recorder, out: Path) -> None:
    """Play every session and write one file per day; files of an earlier recording are removed."""
    requests: defaultdict[int, list[ExportTraceServiceRequest]] = defaultdict(list)
    for number, appointment in enumerate(appointments, start=1):
        requests[appointment.day] += recorder.play(appointment)
        print(f"session {number} of {len(appointments)}: {len(appointment.script.messages)} turns", flush=True)
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("day_*.jsonl.gz"):
        old.unlink()
    for day, of_day in requests.items():
        write(of_day, out / f"day_{day + 1:02d}.jsonl.gz")


def main() -> None:
    """Record as the command line asks."""
    options = _options()
    scripts = load_scripts(FOLDER / "customers.yaml")[: options.sessions]
    appointments = spread(scripts, options.days, datetime.now(UTC))
    server: AbstractContextManager[str] = nullcontext(options.base_url) if options.base_url else model_server(MODEL)
    with server as base_url:
        record(appointments, Recorder(base_url, options.days), options.out)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Record traces of the support bot.")
    parser.add_argument("--sessions", type=int, default=None, help="how many of the sessions to play (default: all)")
    parser.add_argument("--out", type=Path, default=FOLDER / "traces", help="folder for the trace files")
    parser.add_argument("--days", type=int, default=10, help="days over which the sessions are spread")
    parser.add_argument("--base-url", default=None, help="another OpenAI-compatible server instead of the local model")
    return parser.parse_args()


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1000


if __name__ == "__main__":
    main()
