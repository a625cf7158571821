# SPDX-License-Identifier: MIT
"""Captures made by hand, and what tshark says of them."""
import os
import re
import struct
import subprocess
import tempfile
import xml.etree.ElementTree

CLIENT = (0x7F000001, 40000)
SERVER = (0x7F000001, 50000)
LUA_ERROR = re.compile(r"Lua Error|Lua:|\.lua:\d")
UDP_PAYLOAD = 28  # offset of the datagram in a packet: IPv4 and UDP headers


def packet(datagram, source=CLIENT, destination=SERVER, original_size=None):
    """IPv4 and UDP around a datagram. original_size: of the datagram, if the capture cut it."""
    size = len(datagram) if original_size is None else original_size
    ip = struct.pack(">BBHIBBHII", 0x45, 0, UDP_PAYLOAD + size, 0, 64, 17, 0,
                     source[0], destination[0])
    udp = struct.pack(">HHHH", source[1], destination[1], 8 + size, 0)
    data = ip + udp + datagram
    return struct.pack("<II", len(data), UDP_PAYLOAD + size) + data


def write_capture(path, packets):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for number, data in enumerate(packets):
            file.write(struct.pack("<II", number // 1000, number % 1000 * 1000) + data)


class Tshark:
    def __init__(self, program, lua):
        self.program = program
        self.lua = lua
        # Neither the profile of who runs the test nor his plugins.
        self.home = tempfile.TemporaryDirectory()

    def run(self, capture, *arguments):
        environment = dict(os.environ, HOME=self.home.name, XDG_CONFIG_HOME=self.home.name,
                           LC_ALL="C.UTF-8")
        command = [self.program, "-n", "-X", "lua_script:" + self.lua, "-r", capture, *arguments]
        result = subprocess.run(command, env=environment, capture_output=True, timeout=100,
                                check=False)
        output = result.stdout.decode("utf-8", "replace")
        errors = result.stderr.decode("utf-8", "replace")
        if result.returncode != 0:
            raise AssertionError(f"tshark ended with {result.returncode}: {errors}")
        for text in (output, errors):
            if match := LUA_ERROR.search(text):
                raise AssertionError("Lua complains: " + text[match.start():][:500])
        return output

    def rows(self, capture, fields, *arguments):
        """A dictionary a packet: the text of each field; several values with commas."""
        options = []
        for field in fields:
            options += ["-e", field]
        output = self.run(capture, "-T", "fields", "-E", "separator=/t", *options, *arguments)
        return [dict(zip(fields, line.split("\t"))) for line in output.splitlines()]

    def pdml(self, capture, *arguments):
        return xml.etree.ElementTree.fromstring(
            self.run(capture, "-T", "pdml", *arguments).encode())

