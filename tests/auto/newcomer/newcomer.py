#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""newcomer.py PAGE (--build BUILD_DIR | --source SOURCE_DIR) [--dev SCRIPT]

Follows the page "Getting Started" to the letter, in an empty folder and with a home of its own: its
files are written, its commands run by a shell, and what it says happens has to happen. Each block
of code on the page is marked by what stands before it:

    \\omit block: NAME \\endomit             commands: packages, install, build
    \\omit file: NAME \\endomit                the content of a file
    \\omit background: NAME \\endomit          a command that goes on
    \\omit run: NAME \\endomit                 a command that ends
    \\omit expect: TEXT \\endomit              an example of what the last command prints; TEXT is in it

With --build the module is installed from a build that exists instead of by the page's commands; a
build from nothing (--source) takes minutes. --dev compares the packages with those of ./dev.
"""
import argparse
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time

MARKED = re.compile(r"\\omit (\w+): (.*?) \\endomit\s*\\(?:bad)?code\n(.*?)\\endcode", re.S)
PREFIX = "$HOME/qtkcpnetwork"
# A compiler cache is no part of what the page says, and does not change it.
KEPT = re.compile(r"PATH|CCACHE_.*|CMAKE_C(XX)?_COMPILER_LAUNCHER")
COMMAND_TIME = 1800  # seconds, for a build from nothing on a busy machine
START_TIME = 20  # seconds until a program has said its first word


def blocks_of(page):
    with open(page, encoding="utf-8") as file:
        text = file.read()
    blocks = [(kind, name, textwrap.dedent(code)) for kind, name, code in MARKED.findall(text)]
    count = len(re.findall(r"\\(?:bad)?code\b", text))
    assert len(blocks) == count, f"{count} blocks of code, {len(blocks)} of them marked"
    kinds = [kind if kind != "block" else name for kind, name, _ in blocks]
    for kind in ("packages", "install", "file", "build", "background", "run", "expect"):
        assert kind in kinds, f"no {kind} on the page"
    return blocks


class Newcomer:
    def __init__(self, folder, arguments):
        self.arguments = arguments
        self.place = os.path.join(folder, "empty")
        home = os.path.join(folder, "home")
        os.makedirs(self.place)
        os.makedirs(home)
        self.environment = {name: value for name, value in os.environ.items() if KEPT.fullmatch(name)}
        self.environment |= {"HOME": home, "LC_ALL": "C.UTF-8"}
        self.background = None
        self.said = ""

    def shell(self, script, where=None, check=True):
        print(textwrap.indent(script.rstrip(), "$ "), flush=True)
        process = subprocess.Popen(["bash", "-euc", script], cwd=where or self.place,
                                   env=self.environment, text=True, start_new_session=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            self.said, _ = process.communicate(timeout=COMMAND_TIME)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # a build has many processes
            raise
        print(self.said[-3000:], flush=True)
        assert not check or process.returncode == 0, f"exit status {process.returncode}"
        return process.returncode

    def do_packages(self, script):
        match = re.fullmatch(r"sudo apt-get install ((?:[a-z0-9.+-]+ ?)+)\n", script)
        assert match, "not one apt-get install"
        if self.arguments.dev:
            with open(self.arguments.dev, encoding="utf-8") as file:
                wanted = re.search(r"^packages_build=\(([^)]*)\)", file.read(), re.M)[1].split()
            assert sorted(match[1].split()) == sorted(wanted), f"./dev needs {wanted}"
        if shutil.which("dpkg"):
            self.shell("dpkg -s " + match[1] + " >/dev/null")

    def do_install(self, script):
        assert f"-DCMAKE_INSTALL_PREFIX={PREFIX}\n" in script, "another prefix"
        if self.arguments.source:
            self.shell(script, self.arguments.source)
        else:
            self.shell(f'cmake --install {self.arguments.build} --prefix "{PREFIX}" >/dev/null')

    def start(self, command):
        print("$", command.strip(), "&", flush=True)
        # exec: the shell must not stand between the program and the signal that ends it
        self.background = subprocess.Popen(["bash", "-euc", "exec " + command], cwd=self.place,
                                           env=self.environment, stdout=subprocess.PIPE,
                                           stderr=subprocess.STDOUT)
        output = self.background.stdout
        readable, _, _ = select.select([output], [], [], START_TIME)
        line = os.read(output.fileno(), 4096).decode() if readable else ""
        print(line, flush=True)
        assert line.startswith("Listening"), "the server does not listen"

    def stop(self):
        if self.background:
            self.background.terminate()
            self.background.communicate(timeout=START_TIME)
            self.background = None

    def follow(self, blocks):
        last_run = ""
        for kind, name, code in blocks:
            if kind == "file":
                with open(os.path.join(self.place, name), "w", encoding="utf-8") as file:
                    file.write(code)
            elif kind == "background":
                self.start(code)
            elif kind == "expect":
                assert name in code, f"the example does not have {name!r}"
                assert name in self.said, f"{name!r} is not what was said"
            elif name == "packages":
                self.do_packages(code)
            elif name == "install":
                self.do_install(code)
            else:
                self.shell(code)
                last_run = code
        self.stop()
        status = self.shell(last_run, check=False)
        assert status == 1 and "refused" in self.said, "the page promises another end"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("page")
    parser.add_argument("--dev")
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--build")
    group.add_argument("--source")
    arguments = parser.parse_args()
    blocks = blocks_of(arguments.page)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        newcomer = Newcomer(folder, arguments)
        try:
            newcomer.follow(blocks)
        finally:
            newcomer.stop()
    print(f"followed {len(blocks)} blocks in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    # The page has a fixed port: a network of one's own, where that is allowed, has it free.
    if not os.environ.get("KCP_NEWCOMER_ALONE") and shutil.which("unshare"):
        alone = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c",
                 'ip link set lo up && exec "$@"', "sh"]
        if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode == 0:
            os.environ["KCP_NEWCOMER_ALONE"] = "1"
            os.execvp(alone[0], [*alone, sys.executable, "-B", *sys.argv])
    main()
