#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_capture.py TSHARK DISSECTOR ECHOSERVER ECHOCLIENT RELAY

A file goes through the echo example, over a relay that writes down what it sees; tshark has to
tell the whole story: the handshake, every byte of the file in the PUSHes both ways, nothing that
stays without acknowledgement, the end. Once with sessions, once with plain KCP, with some loss, so
that segments are sent again.
"""
import os
import random
import subprocess
import sys
import tempfile

import pcap

FILE_SIZE = 100_000
FIELDS = ["udp.srcport", "_ws.col.Protocol", "_ws.col.Info", "_ws.expert.message", "qtkcp.conv",
          "qtkcp.type", "qtkcp.segment.conv", "qtkcp.segment.cmd", "qtkcp.segment.sn",
          "qtkcp.segment.una", "qtkcp.segment.len", "qtkcp.segment.data"]
PUSH, ACK = 81, 82


class Program:
    """One that says "Listening on ADDRESS:PORT ..." first, and ends with its input or on SIGINT."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        line = self.process.stdout.readline()
        assert line.startswith("Listening on "), f"{command[0]} says {line!r}"
        self.port = line.split()[2].rpartition(":")[2]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=20)


def record(programs, folder, seed, options):
    """What tshark reads, the port of the server, the bytes sent."""
    server_program, client_program, relay_program = programs
    capture = os.path.join(folder, "echo.pcap")
    path = os.path.join(folder, "file")
    content = b"".join(b"%07d\n" % number for number in range(FILE_SIZE // 8))
    with open(path, "wb") as file:
        file.write(content)
    with Program(server_program, "-a", "127.0.0.1", "--preset", "fast", *options) as server:
        with Program(relay_program, "--to", "127.0.0.1:" + server.port, "--loss", "3",
                     "--seed", str(seed), "--pcap", capture, "--run-time", "60") as relay:
            subprocess.run([client_program, "--preset", "fast", *options, "--file", path,
                            "127.0.0.1", relay.port], check=True, timeout=50)
        return capture, server.port, content


def values(row, field):
    return [int(value, 0) for value in row[field].split(",")] if row[field] else []


def check_segments(rows, server_port, content):
    """The file in both directions, and every PUSH acknowledged."""
    for from_server in (False, True):
        ours = [row for row in rows if (row["udp.srcport"] == server_port) == from_server]
        theirs = [row for row in rows if (row["udp.srcport"] == server_port) != from_server]
        stream = {}
        for row in ours:
            data = iter(row["qtkcp.segment.data"].split(","))
            for cmd, sn, length in zip(values(row, "qtkcp.segment.cmd"),
                                       values(row, "qtkcp.segment.sn"),
                                       values(row, "qtkcp.segment.len")):
                if cmd == PUSH:
                    piece = bytes.fromhex(next(data).replace(":", ""))
                    assert len(piece) == length, row
                    assert stream.setdefault(sn, piece) == piece, f"sn {sn} has two contents"
        assert sorted(stream) == list(range(len(stream))), "serial numbers are missing"
        received = b"".join(stream[sn] for sn in range(len(stream)))
        assert received == content, \
            f"{len(received)} bytes, {received[:16]} to {received[-16:]}, {from_server=}"

        acknowledged, una = set(), 0
        for row in theirs:
            for cmd, sn in zip(values(row, "qtkcp.segment.cmd"), values(row, "qtkcp.segment.sn")):
                if cmd == ACK:
                    acknowledged.add(sn)
            una = max([una, *values(row, "qtkcp.segment.una")])
        assert acknowledged <= set(stream), "an ACK of what was not sent"
        assert una == len(stream), f"acknowledged up to {una} of {len(stream)}"
        assert acknowledged, "no ACK, only una"


def check_native(rows, server_port):
    frames = [(row["_ws.col.Info"].split()[0], row["udp.srcport"] == server_port) for row in rows
              if row["qtkcp.type"]]
    handshake = [(name, name in ("COOKIE", "ACCEPT"))
                 for name in ("HELLO", "COOKIE", "CONFIRM", "ACCEPT")]
    first_seen = list(dict.fromkeys(frames))
    assert first_seen[:4] == handshake, first_seen
    # a server may answer late segments with RESET after this
    assert [name for name, _ in first_seen[4:6]] == ["CLOSE", "CLOSE_ACK"], first_seen
    assert first_seen[4][1] != first_seen[5][1], "who closes is answered by the other side"
    convs = {value for row in rows for field in ("qtkcp.conv", "qtkcp.segment.conv")
             for value in values(row, field)} - {0}
    assert len(convs) == 1, convs


def main():
    tshark = pcap.Tshark(sys.argv[1], sys.argv[2])
    seed = int(os.environ.get("KCP_TEST_SEED") or random.SystemRandom().randrange(2**32))
    print(f"KCP_TEST_SEED={seed}", flush=True)
    for options in ((), ("--plain",)):
        with tempfile.TemporaryDirectory() as folder:
            capture, server_port, content = record(sys.argv[3:], folder, seed, options)
            # The ports are any free ones: some belong to protocols that Wireshark would try first.
            rows = tshark.rows(capture, FIELDS, "-o", "udp.try_heuristic_first:TRUE")
        protocols = {row["_ws.col.Protocol"] for row in rows}
        assert protocols == ({"KCP"} if options else {"QtKcp", "KCP"}), protocols
        # Wireshark takes some free ports for those of traceroute.
        marks = {row["_ws.expert.message"] for row in rows
                 if not row["_ws.expert.message"].startswith("Possible traceroute")}
        assert marks <= {""}, marks
        check_segments(rows, server_port, content)
        if not options:
            check_native(rows, server_port)
        print(f"{' '.join(options) or 'sessions'}: {len(rows)} datagrams")


main()
