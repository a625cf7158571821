#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""symbols.py [--update] LIBRARY LIST MAJOR_VERSION

Compares what the shared library exports with the file LIST; --update (./dev symbols) writes the
file anew. A line that goes or changes breaks programs that were built before. Also looks at the
library's soname and at the libraries it needs.

Left out is what each program that uses the same templates of the C++ library has too.
"""
import difflib
import os
import re
import subprocess
import sys

# weak (W, V) and unique (u) symbols of the C++ library
FOREIGN = re.compile(r"(typeinfo (name )?for |vtable for |guard variable for )?(.* )?(std|__gnu_cxx)::")
ALLOWED = re.compile(r"lib(Qt6Core|Qt6Network|stdc\+\+|m|gcc_s|c|pthread)\.so\.\d+|ld-linux.*")
HEADER = """# What libQt6KcpNetwork exports (x86-64 Linux, g++). "./dev symbols" writes this file.
# A line that is gone or changed breaks programs that were built with an earlier version.
"""


def tool(*command):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def exported(library):
    names = set()
    for line in tool("nm", "-D", "-C", "--defined-only", library).splitlines():
        _, kind, name = line.split(" ", 2)
        if not (kind in "WVu" and FOREIGN.match(name)):
            names.add(name)  # once: constructors have two symbols
    return sorted(names)


def check_dynamic_section(library, major):
    text = tool("readelf", "-d", library)
    sonames = re.findall(r"soname: \[(.*)\]", text)
    assert sonames == [f"libQt6KcpNetwork.so.{major}"], f"the soname is {sonames}"
    real = os.path.basename(os.path.realpath(library))
    assert re.fullmatch(rf"libQt6KcpNetwork\.so\.{major}\.\d+\.\d+", real), f"the file is {real}"
    strangers = [name for name in re.findall(r"Shared library: \[(.*)\]", text)
                 if not ALLOWED.fullmatch(name)]
    assert not strangers, f"it needs {strangers}"


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--update"]
    library, path, major = arguments
    new = HEADER + "".join(name + "\n" for name in exported(library))
    if "--update" in sys.argv:
        with open(path, "w", encoding="utf-8") as file:
            file.write(new)
        return
    check_dynamic_section(library, major)
    with open(path, encoding="utf-8") as file:
        old = file.read()
    difference = list(difflib.unified_diff(old.splitlines(), new.splitlines(), path, library,
                                           n=0, lineterm=""))
    if difference:
        print("\n".join(difference))
        sys.exit("The exported symbols have changed. If that is meant: ./dev symbols, and look at "
                 "the difference.")


main()
