"""Every family of sockets."""

from __future__ import annotations

import socket

from evals_pipeline_tests.sandbox.attacks.attack import attack
from evals_pipeline_tests.sandbox.attacks.kit import call
from evals_pipeline_tests.sandbox.attacks.targets import Listeners


@attack(Listeners)
def connects_over_tcp(notes, aim):
    notes.attempt("connection", socket.create_connection, ("127.0.0.1", aim.listeners.tcp), 1)
    raw = notes.attempt("socket alone", socket.socket, socket.AF_INET, socket.SOCK_STREAM)
    if raw:
        raw.connect(("127.0.0.1", aim.listeners.tcp))


@attack(Listeners)
def connects_over_ipv6(notes, aim):
    notes.attempt("connection", socket.create_connection, ("::1", aim.listeners.tcp6), 1)
    notes.attempt("mapped", socket.create_connection, ("::ffff:127.0.0.1", aim.listeners.tcp), 1)


@attack(Listeners)
def sends_a_datagram(notes, aim):
    def send():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            return sender.sendto(b"out", ("127.0.0.1", aim.listeners.udp))

    notes.attempt("datagram", send)


@attack(Listeners)
def connects_to_a_socket_in_a_folder(notes, aim):
    def connect():
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            return client.connect(aim.listeners.unix) or "connected"

    notes.attempt("as to Docker or PostgreSQL", connect)


@attack(Listeners)
def connects_to_an_abstract_socket(notes, aim):
    def connect():
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            return client.connect("\0" + aim.listeners.abstract) or "connected"

    notes.attempt("abstract", connect)


@attack()
def makes_sockets_of_every_family(notes, aim):
    stream, datagram, raw, packets = 1, 2, 3, 5
    families = {
        "local": (1, stream),
        "inet": (2, stream),
        "inet, raw": (2, raw),
        "inet, ping": (2, datagram),
        "inet6": (10, datagram),
        "netlink": (16, raw),
        "packet": (17, raw),
        "bluetooth": (31, raw),
        "can": (29, raw),
        "kernel crypto": (38, packets),
        "vsock": (40, stream),
        "xdp": (44, raw),
        "mctp": (45, datagram),
    }
    for name, (family, kind) in families.items():
        # Families that this kernel lacks answer EAFNOSUPPORT: one more sign of having reached it.
        notes.probe(name, call, "socket", family, kind, 1 if name == "inet, ping" else 0)


@attack()
def serves(notes, aim):
    def serve(family, kind, address):
        with socket.socket(family, kind) as server:
            server.bind(address)
            if kind == socket.SOCK_STREAM:
                server.listen()
            return server.getsockname()

    notes.attempt("tcp", serve, socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
    notes.attempt("udp", serve, socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
    notes.attempt("abstract", serve, socket.AF_UNIX, socket.SOCK_STREAM, "\0" + aim.files.mark)


@attack(Listeners)
def asks_over_http(notes, aim):
    import http.client
    import urllib.request

    def ask():
        connection = http.client.HTTPConnection("127.0.0.1", aim.listeners.tcp, timeout=0.2)
        connection.request("POST", "/", body=b"rows")
        return connection.getresponse()

    notes.attempt("http.client", ask)
    notes.attempt("urllib", urllib.request.urlopen, f"http://127.0.0.1:{aim.listeners.tcp}/", None, 0.2)
    notes.attempt("file", lambda: urllib.request.urlopen("file://" + aim.files.secret).read())


@attack()
def resolves_names(notes, aim):
    notes.attempt("numbers", socket.if_nameindex)
    notes.attempt("reverse", lambda: socket.gethostbyaddr("127.0.0.1"))
    notes.attempt("services", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("127.0.0.1", 53)) or 1)


@attack()
def runs_an_event_loop_with_connections(notes, aim):
    import asyncio

    async def serve():
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        server.close()
        return "served"

    def run():
        with asyncio.Runner() as runner:
            return runner.run(serve())

    notes.attempt("server", run)
