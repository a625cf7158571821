#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check-documented.py INDEX HEADERS [QMLINDEX QMLTYPES]

INDEX is what "qdoc -prepare --showinternal" writes: there, what has no documentation is "internal".
Every class, function, signal, property and enumeration of the headers in the folder HEADERS that is
not private has to be documented; enumeration values are qdoc's own business. QMLTYPES describes the
types of a QML module; each of their properties, methods and signals has to be in QMLINDEX.
"""
import os
import re
import sys
import xml.etree.ElementTree as ElementTree

KINDS = {"class", "struct", "function", "property", "enum", "typedef", "variable", "namespace"}
# What these lines declare is Qt's.
MACROS = re.compile(r"\s*Q_(OBJECT|GADGET|ENUM|FLAG|ENUM_NS|DECLARE_\w+|DISABLE_\w+)\b")
SECTION = re.compile(r"\s*(public|protected|private|Q_SIGNALS|signals)\b[\w ]*:")
CLASS = re.compile(r"(class|struct)\s+(?:Q_\w+_EXPORT\s+)?\w+[^;]*$")


class Header:
    """Which lines of a header are private. Nested types do not open sections of their own here."""

    def __init__(self, path):
        self.private, self.macros = set(), set()
        private = False
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                opened, section = CLASS.match(line), SECTION.match(line)
                if opened:
                    private = opened[1] == "class"
                elif line.startswith("};"):
                    private = False
                elif section:
                    private = section[1] == "private"
                if private and not opened:
                    self.private.add(number)
                if MACROS.match(line):
                    self.macros.add(number)


def undocumented(index, folder):
    headers, seen, problems = {}, 0, []
    for element in ElementTree.parse(index).iter():
        path = os.path.realpath(element.get("filepath", ""))
        if (element.tag not in KINDS or os.path.dirname(path) != os.path.realpath(folder)
                or not path.endswith(".h") or path.endswith("_p.h")):
            continue
        seen += 1
        if element.get("status") != "internal":
            continue
        header = headers.setdefault(path, Header(path))
        line = int(element.get("lineno"))
        if line in header.macros or (element.tag != "property" and line in header.private):
            continue
        name = element.get("fullname") or element.get("name")
        problems.append(f"{os.path.basename(path)}:{line}: {element.tag} {name} "
                        "has no documentation")
    return seen, problems


def undocumented_in_qml(index, qmltypes):
    known = {element.get("fullname", "") for element in ElementTree.parse(index).iter()}
    known = {name.partition(".")[2] for name in known if "." in name}
    seen, problems, component, inside = 0, [], None, None
    with open(qmltypes, encoding="utf-8") as file:
        for line in file:
            opened = re.match(r"\s*(Component|Property|Method|Signal|Enum) \{", line)
            if opened:
                inside = opened[1]
                component = None if inside == "Component" else component
            exported = re.search(r'exports: \["[^/]+/(\w+) ', line)
            if exported:
                component = exported[1]
                if component not in known:
                    problems.append(f"QML type {component} has no documentation")
            named = re.search(r'^\s*(?:\w+ \{ )?name: "(\w+)"', line)
            if not named or inside in (None, "Component", "Enum") or not component:
                continue
            kind, inside = inside, None   # the names that follow are those of parameters
            name = f"{component}.{named[1]}"
            if kind == "Signal" and name.endswith("Changed"):
                continue
            seen += 1
            if name not in known:
                problems.append(f"QML {kind.lower()} {name} has no documentation")
    return seen, problems


def main():
    seen, problems = undocumented(*sys.argv[1:3])
    if len(sys.argv) > 3:
        seen_in_qml, more = undocumented_in_qml(*sys.argv[3:5])
        seen, problems = seen + seen_in_qml, problems + more
        if seen_in_qml == 0:
            problems.append("the description of the QML types has no types")
    print("\n".join(sorted(problems)))
    print(f"{seen} public symbols, {len(problems)} without documentation")
    sys.exit(1 if problems or seen == 0 else 0)


main()
