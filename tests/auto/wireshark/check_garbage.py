#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_garbage.py TSHARK DISSECTOR PROTOCOL_PAGE CORPUS...

Whatever comes, the dissector raises no Lua error: the files of the fuzzers' corpora, every prefix
of every frame, and frames with bytes changed. What is too short is marked, and said to be cut where
only the capture is. The heuristic leaves other protocols alone.
"""
import os
import random
import struct
import sys
import tempfile

import frames as page
import pcap

DECODE_AS = ("-d", "udp.port==50000,qtkcp")
COLUMNS = ["_ws.col.Protocol", "_ws.col.Info", "_ws.expert.message"]
SHORT = "The datagram ends before its fields do"
CUT = "The capture does not hold the whole datagram"


def corpus(folders):
    """Each file from several offsets on: the fuzzers read choices of their own before the bytes."""
    for folder in folders:
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), "rb") as file:
                data = file.read()[:65000]
            for skip in (0, 1, 2, 3, 5, 8):
                if len(data) > skip:
                    yield data[skip:]


def changed(frames, rng):
    samples = [frame.datagram() for frame in frames]
    samples += [frame.datagram() + page.segment(data=b"abc") + page.segment(82)
                for frame in frames if frame.name in ("CONFIRM", "ACCEPT")]
    samples.append(page.segment(data=b"abc") + page.segment(82) + page.segment(83))
    for _ in range(3000):
        data = bytearray(rng.choice(samples))
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.choice((0, 1, 0x51, 0x7F, 0xFF, rng.randrange(256)))
        yield bytes(data[:rng.randint(1, len(data))])


def check_never_an_error(tshark, folder, datagrams):
    capture = os.path.join(folder, "garbage.pcap")
    pcap.write_capture(capture, [pcap.packet(data) for data in datagrams])
    # -V, because Wireshark asks for the details only then.
    tshark.run(capture, "-V", *DECODE_AS)
    rows = tshark.rows(capture, COLUMNS, *DECODE_AS)
    assert len(rows) == len(datagrams)
    for data, row in zip(datagrams, rows):
        assert row["_ws.col.Protocol"] in ("QtKcp", "KCP"), (data.hex(), row)
        assert "xception" not in row["_ws.expert.message"], (data.hex(), row)
        known = len(data) >= 6 and (0x51 <= data[4] <= 0x54 or 0xA0 <= data[4] <= 0xAC)
        assert known or row["_ws.expert.message"], ("not marked", data.hex(), row)
    tshark.run(capture, "-V")  # the heuristic on all of it


def check_prefixes(tshark, folder, frames):
    """Shorter than its fields: marked. Or cut by the capture: said so, and not called malformed."""
    for message, cut in ((SHORT, False), (CUT, True)):
        packets, expected = [], []
        for frame in frames:
            data = frame.datagram()
            for size in range(6, len(data)):
                packets.append(pcap.packet(data[:size], original_size=len(data) if cut else None))
                expected.append(frame.name)
        for data in (page.segment(data=b"abcdef"), page.segment(82)):
            for size in range(6, page_header_size(data, cut)):
                packets.append(pcap.packet(data[:size], original_size=len(data) if cut else None))
                expected.append("conv=0x01020304")
        capture = os.path.join(folder, "prefixes.pcap")
        pcap.write_capture(capture, packets)
        rows = tshark.rows(capture, COLUMNS, *DECODE_AS)
        assert len(rows) == len(packets)
        for name, row in zip(expected, rows):
            assert row["_ws.col.Info"].split()[0] == name, (name, row)
            assert message in row["_ws.expert.message"], (message, name, row)
            assert cut or CUT not in row["_ws.expert.message"], row
            assert not cut or SHORT not in row["_ws.expert.message"], row


def page_header_size(data, cut):
    """Data that are missing are another complaint than a header that is, see check_marks()."""
    return len(data) if cut else 24


def check_marks(tshark, folder, frames):
    """What a peer has to ignore is shown as such."""
    short_parameters = bytearray(frames["CONFIRM"].datagram())
    short_parameters[50] = 12
    later_parameters = bytearray(frames["CONFIRM"].datagram() + b"\1\2")
    later_parameters[50] = 15
    other_version = bytearray(frames["PING"].datagram())
    other_version[5] = 2
    bad_mode = bytearray(frames["HELLO"].datagram())
    bad_mode[16] = 9
    good_conv = bytearray(frames["PONG"].datagram())
    good_conv[0:4] = bytes(4)
    cases = [
        (page.segment(data=b"abc", length=4), "The length goes beyond the datagram"),
        (page.segment(data=b"", length=0xFFFFFFFF), "The length goes beyond the datagram"),
        (page.segment(82, data=b"abc"), "Only PUSH carries data"),
        (page.segment() + page.segment(85), "Not a command of KCP"),
        (page.segment() + page.segment(conv=5), "Another conversation in the same datagram"),
        (page.segment() + b"tail", "Bytes behind the last field are ignored"),
        (frames["PONG"].datagram() + b"tail", "Bytes behind the last field are ignored"),
        (bytes(short_parameters), "Fewer parameters than version 1 has"),
        (bytes(later_parameters), ""),
        (bytes(other_version), "A version of the protocol other than 1"),
        (bytes(bad_mode), "A value that version 1 does not have"),
        (bytes(good_conv), "The conversation must not be this one here"),
        (b"\1\2\3\4\xAD\1" + bytes(30), "Neither a KCP segment nor a session frame"),
        (b"\1\2\3\4", SHORT),
    ]
    capture = os.path.join(folder, "marks.pcap")
    pcap.write_capture(capture, [pcap.packet(data) for data, _ in cases])
    rows = tshark.rows(capture, COLUMNS, *DECODE_AS)
    assert len(rows) == len(cases)
    for (_, message), row in zip(cases, rows):
        assert row["_ws.expert.message"] == message, f"{row} is not: {message}"


def check_heuristic(tshark, folder, frames, rng):
    """Ours are found without Decode As, in any order of the strong ones; nobody else's are."""
    ours = [frames[name].datagram() for name in ("HELLO", "COOKIE", "CONFIRM", "ACCEPT", "PING")]
    weak = [frame.datagram() for frame in frames.values() if frame.datagram() not in ours]
    alone = [pcap.packet(data, source=(pcap.CLIENT[0], 41000 + i))
             for i, data in enumerate([*ours, page.segment(data=b"x"), page.segment(82)])]
    together = [pcap.packet(data) for data in [ours[4], *weak]]
    backwards = [pcap.packet(data, pcap.SERVER, pcap.CLIENT) for data in weak]
    capture = os.path.join(folder, "ours.pcap")
    packets = [*alone, *together, *backwards]
    pcap.write_capture(capture, packets)
    rows = tshark.rows(capture, COLUMNS)
    assert len(rows) == len(packets)
    for row in rows:
        assert row["_ws.col.Protocol"] in ("QtKcp", "KCP"), row

    query = bytes.fromhex("1234010000010000000000000377777707657861"
                          "6d706c6503636f6d0000010001")
    strangers = [
        query,
        bytes([0x12, 0x34, 0x51, 0x80]) + query[4:],
        struct.pack(">BBHII", 0x80, 96, 1, 2, 3) + bytes(160),  # RTP
        struct.pack(">HHI12s", 1, 0, 0x2112A442, b"transaction1"),  # STUN
        bytes([0xC3, 0, 0, 0, 1, 8]) + rng.randbytes(1200),  # QUIC
        bytes([0x16, 0xFE, 0xFD]) + rng.randbytes(100),  # DTLS
        bytes([0x23]) + bytes(47),  # NTP
        bytes(24), bytes(48), bytes(256), b"\xff" * 24,
        b"\0\0\0\0\xA7\1" + rng.randbytes(40),
        # all of a segment but its length
        page.segment(82, length=1), page.segment(82, data=b"a"), page.segment(83, frg=1),
        page.segment(data=b"abc", length=2), page.segment(85),
    ]
    # Random bytes, with a type or a command of ours in its place: the rest has to tell.
    for byte in [*range(0x51, 0x55), *range(0xA0, 0xB0)]:
        for size in (14, 16, 18, 22, 24, 48, 54, 64, 256, 1200):
            data = bytearray(rng.randbytes(size))
            data[4:6] = bytes((byte, 1))
            strangers.append(bytes(data))
    capture = os.path.join(folder, "strangers.pcap")
    pcap.write_capture(capture, [pcap.packet(data, source=(pcap.CLIENT[0], 20000 + i),
                                             destination=(pcap.SERVER[0], 30000 + i))
                                 for i, data in enumerate(strangers)])
    rows = tshark.rows(capture, COLUMNS)
    assert len(rows) == len(strangers)
    for data, row in zip(strangers, rows):
        assert row["_ws.col.Protocol"] not in ("QtKcp", "KCP"), (data.hex(), row)


def main():
    tshark = pcap.Tshark(sys.argv[1], sys.argv[2])
    frames, _, _ = page.read_page(sys.argv[3])
    seed = int(os.environ.get("KCP_TEST_SEED") or random.SystemRandom().randrange(2**32))
    print(f"KCP_TEST_SEED={seed}", flush=True)
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        datagrams = [*corpus(sys.argv[4:]), *changed(list(frames.values()), rng)]
        check_never_an_error(tshark, folder, datagrams)
        check_prefixes(tshark, folder, frames.values())
        check_marks(tshark, folder, frames)
        check_heuristic(tshark, folder, frames, rng)
    print(f"{len(datagrams)} datagrams without an error")


main()
