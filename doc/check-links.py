#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check-links.py FOLDER START

Follows the links of the built documentation: the file of every link and its anchor exist, every page
can be reached from the page START. Of links to the outside only the form is looked at.
"""
import os
import re
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit


# qdoc 6.4 lists them in the contents of a module that has none.
KNOWN = {("qtkcpnetwork/qtkcpnetwork-module.html", "#namespaces")}


class Page(HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.anchors = set()
        self.links = []  # (line, target)
        with open(path, encoding="utf-8") as file:
            self.feed(file.read())

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            elif name in ("href", "src"):
                self.links.append((self.getpos()[0], value or ""))


def outside_problem(target, parts):
    if re.search(r"[\s<>\"{}|\\^`]", target):
        return "has characters that no address has"
    if parts.scheme == "mailto":
        return None if re.fullmatch(r"[^@]+@[^@]+\.[^@]+", parts.path) else "is no mail address"
    if parts.scheme not in ("http", "https"):
        return "has a scheme other than http, https and mailto"
    return None if re.fullmatch(r"[\w.-]+\.\w+(:\d+)?", parts.netloc) else "has no host"


def main():
    folder, start = sys.argv[1:]
    files = {os.path.relpath(os.path.join(place, name), folder)
             for place, _, names in os.walk(folder) for name in names}
    pages = {name: Page(os.path.join(folder, name)) for name in files if name.endswith(".html")}
    problems, inside, outside = [], 0, 0
    linked = {name: set() for name in pages}
    for name, page in sorted(pages.items()):
        for line, target in page.links:
            if (name, target) in KNOWN:
                continue
            parts = urlsplit(target)
            problem = None
            if parts.scheme or parts.netloc:
                outside += 1
                problem = outside_problem(target, parts)
            else:
                inside += 1
                place = os.path.join(os.path.dirname(name), unquote(parts.path))
                file = os.path.normpath(place) if parts.path else name
                anchor = unquote(parts.fragment)
                if file not in files:
                    problem = "leads to no file"
                elif anchor and anchor not in pages[file].anchors:
                    problem = "leads to no anchor"
                elif file in pages:
                    linked[name].add(file)
            if problem:
                problems.append(f"{name}:{line}: '{target}' {problem}")

    reached, new = {start}, {start}
    while new:
        new = {target for name in new for target in linked[name]} - reached
        reached |= new
    problems += [f"{name}: no link leads here" for name in sorted(set(pages) - reached)]

    print("\n".join(problems))
    print(f"{len(pages)} pages, {inside} links inside, {outside} to the outside, "
          f"{len(problems)} problems")
    sys.exit(1 if problems else 0)


main()
