#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_fields.py TSHARK DISSECTOR PROTOCOL_PAGE

The dissector against the page: each frame that the page describes is made from the page's tables,
and every field has to appear in Wireshark at the offset and with the size that the page gives.
"""
import os
import re
import sys
import tempfile

import frames as page
import pcap

# What the page calls segments are fields of their own.
SKIPPED = {"segments"}
SEGMENT = {"conv": 0, "cmd": 4, "frg": 5, "wnd": 6, "ts": 8, "sn": 12, "una": 16, "len": 20,
           "data": 24}


def field_name(name):
    return "qtkcp." + re.sub(r"([A-Z])", lambda match: "_" + match[1].lower(), name)


def check_frame(frame, element):
    """Position and size of every field; nothing that the page does not have."""
    seen = {}
    for field in element.iter("field"):
        if field.get("name", "").startswith("qtkcp."):
            seen[field.get("name")] = (int(field.get("pos")) - pcap.UDP_PAYLOAD,
                                       int(field.get("size")))
    expected = {field_name(name): place for name, place in frame.fields.items()
                if name not in SKIPPED and place[1] > 0}
    assert seen == expected, f"{frame.name}: the page has {expected}, Wireshark {seen}"


def check_frames(tshark, folder, frames):
    capture = os.path.join(folder, "frames.pcap")
    pcap.write_capture(capture, [pcap.packet(frame.datagram()) for frame in frames])
    packets = tshark.pdml(capture, "-d", "udp.port==50000,qtkcp").findall("packet")
    assert len(packets) == len(frames)
    for frame, element in zip(frames, packets):
        check_frame(frame, element)
    for frame, row in zip(frames, tshark.rows(
            capture, ["_ws.col.Protocol", "_ws.col.Info", "_ws.expert.message"],
            "-d", "udp.port==50000,qtkcp")):
        assert row["_ws.col.Protocol"] == "QtKcp", row
        assert row["_ws.col.Info"].split()[0] == frame.name, row
        assert row["_ws.expert.message"] == "", row


def check_values(tshark, folder, frames, reasons, codes):
    """Names of reasons and codes; segments behind CONFIRM; text of CLOSE; versions of REFUSE."""
    refuse, close = frames["REFUSE"], frames["CLOSE"]
    cases = []
    for number, name in reasons.items():
        data = bytearray(refuse.datagram())
        offset = refuse.fields["reason"][0]
        data[offset:offset + 2] = number.to_bytes(2, "little")
        data += b"\x02\x01\x02" if name == "Version" else b""
        cases.append((bytes(data), "REFUSE reason=" + name))
    for first, last, name in codes:
        for code in {first, last}:
            data = bytearray(close.datagram())
            offset = close.fields["code"][0]
            data[offset:offset + 4] = code.to_bytes(4, "little")
            shown = {"Application": f"Application ({code})", "Reserved": f"Reserved (0x{code:08x})"}
            cases.append((bytes(data) + "Tschüß".encode(),
                          f"CLOSE conv=0x01020304 code={shown.get(name, name)}"))
    cases.append((frames["CONFIRM"].datagram() + page.segment(sn=0, data=b"hello")
                  + page.segment(82, sn=4294967295),
                  "CONFIRM conv=0x01020304 PUSH sn=0 len=5 ACK sn=4294967295 una=5"))
    cases.append((page.segment(83) + page.segment(84), "conv=0x01020304 WASK WINS"))
    cases.append((page.segment(data=b"x" * 1376), "conv=0x01020304 PUSH sn=7 len=1376"))

    capture = os.path.join(folder, "values.pcap")
    pcap.write_capture(capture, [pcap.packet(data) for data, _ in cases])
    rows = tshark.rows(capture, ["_ws.col.Info", "_ws.expert.message", "qtkcp.text",
                                 "qtkcp.segment.sn"], "-d", "udp.port==50000,qtkcp")
    assert len(rows) == len(cases)
    for (_, info), row in zip(cases, rows):
        assert row["_ws.col.Info"] == info, f"{row} is not {info}"
        assert row["_ws.expert.message"] == "", row
        if info.startswith("CLOSE"):
            assert row["qtkcp.text"] == "Tschüß", row
    assert rows[-3]["qtkcp.segment.sn"] == "0,4294967295", rows[-3]

    first = tshark.pdml(capture, "-d", "udp.port==50000,qtkcp").findall("packet")[-1]
    places = {field.get("name"): int(field.get("pos")) - pcap.UDP_PAYLOAD
              for field in first.iter("field") if "qtkcp.segment." in field.get("name", "")}
    expected = {"qtkcp.segment." + name: offset for name, offset in SEGMENT.items()}
    assert places == expected, places


def main():
    tshark = pcap.Tshark(sys.argv[1], sys.argv[2])
    frames, reasons, codes = page.read_page(sys.argv[3])
    with tempfile.TemporaryDirectory() as folder:
        check_frames(tshark, folder, list(frames.values()))
        check_values(tshark, folder, frames, reasons, codes)
    print(f"{len(frames)} frames, {len(reasons)} reasons and {len(codes)} ranges of codes as the "
          "page has them")


main()
