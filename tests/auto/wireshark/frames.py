# SPDX-License-Identifier: MIT
"""Frames made from the tables of the page "The Session Protocol", and from nothing else."""
import re


class Frame:
    """fields: name -> (offset, size); size is the least one where the page says "or more"."""

    def __init__(self, name, frame_type, size, exact):
        self.name = name
        self.type = frame_type
        self.size = size
        self.exact = exact
        self.fields = {}

    def datagram(self, conv=0x01020304):
        """Every field has bytes of its own, within what version 1 knows."""
        data = bytearray(self.size)
        for number, (name, (offset, size)) in enumerate(self.fields.items()):
            data[offset:offset + size] = bytes((number * 16 + i) % 251 + 1 for i in range(size))
            fixed = {"type": self.type, "version": 1, "mode": 1, "length": 13}
            if name in fixed:
                data[offset] = fixed[name]
            elif name == "reason":
                data[offset:offset + 2] = (3).to_bytes(2, "little")
            elif name in ("padding", "flags"):
                data[offset:offset + size] = bytes(size)
        conv_bytes = 0 if self.conv_is_zero else conv
        data[0:4] = conv_bytes.to_bytes(4, "little")
        return bytes(data)


def segment(cmd=81, conv=0x01020304, sn=7, data=b"", length=None, frg=0):
    length = len(data) if length is None else length
    return (conv.to_bytes(4, "little") + bytes((cmd, frg)) + (128).to_bytes(2, "little")
            + (99).to_bytes(4, "little") + sn.to_bytes(4, "little") + (5).to_bytes(4, "little")
            + length.to_bytes(4, "little") + data)


def read_page(path):
    """(the frames by name, the REFUSE reasons by number, the close codes as (from, to, name))"""
    with open(path, encoding="utf-8") as file:
        sections = file.read().split("\\section2 ")
    frames, reasons, codes = {}, {}, []
    for section in sections:
        heading, _, rest = section.partition("\n")
        table = rest.partition("\\endtable")[0]
        rows = [[cell.strip() for cell in " ".join(row.split()).split("\\li")]
                for row in table.split("\\row \\li")[1:]]
        match = re.match(r"(\w+), 0x(A[0-9A-F]), (\d+)( or more)? bytes", heading)
        if match:
            frame = Frame(match[1], int(match[2], 16), int(match[3]), not match[4])
            for offset, size, name, meaning in (row[:4] for row in rows):
                frame.fields[name] = (int(offset), int(size.split()[0]))
                if name == "conv":
                    frame.conv_is_zero = meaning == "0"
            frames[frame.name] = frame
        elif heading == "REFUSE reasons":
            reasons = {int(row[0]): row[1] for row in rows}
        elif heading == "CLOSE codes":
            codes = [(int(row[0], 16), int(row[1], 16), row[2]) for row in rows]
    if len(frames) != 13 or len(reasons) != 6 or len(codes) != 5:
        raise AssertionError(f"{path} reads as {len(frames)} frames, {len(reasons)} reasons, "
                             f"{len(codes)} codes")
    return frames, reasons, codes
