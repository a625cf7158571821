#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check-packages.py SOURCE_DIR BUILD_DIR

Makes the Debian packages of a build (preset "package", with its documentation), and does with them
what a user would: looks at them with lintian, asks apt-get whether they can be installed here,
installs them into an empty root, builds programs against them, runs these, and removes them again,
after which nothing may be left.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

RUNTIME = "libqt6kcpnetwork0"
DEVEL = "qt6-kcpnetwork-dev"
QML = "qml6-module-qtkcpnetwork"
DOC = "qt6-kcpnetwork-doc"
# What each has to have, below the folder of libraries or /usr; and on what it has to depend.
CONTENTS = {
    RUNTIME: [r"lib/[^/]+/libQt6KcpNetwork\.so\.0\.\d+\.\d+"],
    DEVEL: [r"lib/[^/]+/libQt6KcpNetwork\.so", r"include/.+/QtKcpNetwork/KcpSocket",
            r"include/.+/QtKcpNetwork/qtkcpnetworkversion\.h",
            r"lib/[^/]+/cmake/Qt6KcpNetwork/Qt6KcpNetworkConfig\.cmake",
            r"lib/[^/]+/pkgconfig/Qt6KcpNetwork\.pc",
            r"lib/[^/]+/qt6/mkspecs/modules/qt_lib_kcpnetwork\.pri"],
    QML: [r"lib/[^/]+/qt6/qml/QtKcpNetwork/qmldir",
          r"lib/[^/]+/qt6/qml/QtKcpNetwork/libkcpnetworkqmlplugin\.so"],
    DOC: [r"share/qt6/doc/qtkcpnetwork/kcpsocket\.html", r"share/qt6/doc/qtkcpnetwork\.qch",
          r"share/qt6/doc/qtkcpnetworkqml/qml-qtkcpnetwork-kcpsocket\.html",
          r"share/qt6/doc/qtkcpnetworkqml\.qch",
          r"share/doc/qt6-kcpnetwork-doc/examples/qtkcpnetwork\.lua"],
}
DEPENDS = {
    RUNTIME: ["libc6", "libqt6core6", "libqt6network6", "libstdc++6"],
    DEVEL: [RUNTIME, "qt6-base-dev"],
    QML: [RUNTIME, "libqt6qml6", "qml6-module-qtqml"],
    DOC: [],
}


def run(*command, check=True, **options):
    print("$", *command, flush=True)
    result = subprocess.run(command, text=True, stdout=subprocess.PIPE, check=False,
                            stderr=subprocess.STDOUT, timeout=300, **options)
    if check and result.returncode != 0:
        raise SystemExit(f"exit status {result.returncode}:\n{result.stdout}")
    return result.stdout


def make_packages(build, folder):
    run("cpack", "-G", "DEB", "--config", os.path.join(build, "CPackConfig.cmake"), "-B", folder)
    packages = {os.path.basename(path).partition("_")[0]: path
                for path in glob.glob(os.path.join(folder, "*.deb"))}
    assert sorted(packages) == sorted(CONTENTS), f"made {sorted(packages)}"
    return packages


def check_package(name, path):
    files = [line.split(None, 5)[5].partition(" -> ")[0].removeprefix("./usr/")
             for line in run("dpkg-deb", "-c", path).splitlines()]
    for pattern in CONTENTS[name]:
        assert any(re.fullmatch(pattern, file) for file in files), f"{name} has no {pattern}"
    depends = [part.split()[0] for part in
               run("dpkg-deb", "-f", path, "Depends").strip().split(", ") if part]
    missing = set(DEPENDS[name]) - set(depends)
    assert not missing, f"{name} does not depend on {missing}"
    said = run("lintian", "--fail-on", "error", *(["--allow-root"] if os.getuid() == 0 else []),
               path)
    print(said, end="")


def check_installable(packages):
    """With all that they depend on: apt-get would install these four here, if it were asked."""
    said = run("apt-get", "-s", "-o", "Debug::NoLocking=true", "-o", "APT::Get::List-Cleanup=0",
               "install", *packages.values())
    installed = {line.split()[1] for line in said.splitlines() if line.startswith("Inst ")}
    assert installed == set(packages), f"apt-get would install {installed}"


class Root:
    """An empty root that dpkg installs into; the rest of the system is the host's."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "root")
        self.admin = os.path.join(folder, "admin")
        os.makedirs(self.path)
        for name in ("info", "updates", "triggers"):
            os.makedirs(os.path.join(self.admin, name))
        with open(os.path.join(self.admin, "status"), "w", encoding="utf-8"):
            pass
        # Maintainer scripts run outside of the root, and must not touch the host.
        self.stub = os.path.join(folder, "bin")
        os.makedirs(self.stub)
        with open(os.path.join(self.stub, "ldconfig"), "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\nexit 0\n")
        os.chmod(os.path.join(self.stub, "ldconfig"), 0o755)

    def dpkg(self, *arguments):
        environment = dict(os.environ)
        environment["PATH"] = self.stub + ":" + environment["PATH"] + ":/usr/sbin:/sbin"
        # Qt is the host's: check_installable() has looked at the dependencies.
        run("dpkg", "--instdir=" + self.path, "--admindir=" + self.admin, "--log=/dev/null",
            "--force-depends", "--force-not-root", "--force-script-chrootless", *arguments,
            env=environment)

    def files(self):
        return [os.path.join(folder, name) for folder, folders, names in os.walk(self.path)
                for name in names + folders]

    def find(self, pattern):
        found = glob.glob(os.path.join(self.path, pattern))
        assert len(found) == 1, f"{pattern} is {found}"
        return found[0]


def build_consumers(source, folder, root):
    tests = os.path.join(source, "tests/auto/cmake")
    library = os.path.dirname(root.find("usr/lib/*/libQt6KcpNetwork.so.0"))
    relative = os.path.relpath(library, root.path)

    def consumer(name, *options):
        options = ";".join(["-DCMAKE_BUILD_TYPE=Debug", *options])
        run("cmake", f"-DSOURCE={tests}/{name}", f"-DBINARY={folder}/{name}", "-DGENERATOR=Ninja",
            "-DMAKE_PROGRAM=ninja", f"-DOPTIONS={options}", "-DRUN=consumer", "-P",
            f"{tests}/consumer.cmake")

    consumer("consumer-direct", f"-DCMAKE_PREFIX_PATH={root.path}/usr")
    consumer("consumer-components", f"-DQt6KcpNetwork_DIR={library}/cmake/Qt6KcpNetwork")
    run("cmake", "-DQMAKE=qmake6", "-DMAKE=make", f"-DSTAGE={root.path}",
        f"-DMODULES={relative}/qt6/mkspecs/modules", f"-DLIBS={relative}",
        f"-DBINARY_DIR={folder}/qmake", "-P", f"{tests}/consumer-qmake/run.cmake")
    run("cmake", "-DCXX=c++", "-DPKG_CONFIG=pkg-config", f"-DSTAGE={root.path}",
        f"-DPKGCONFIGDIR={relative}/pkgconfig", f"-DLIBS={relative}",
        f"-DBINARY_DIR={folder}/pkgconfig", "-P", f"{tests}/consumer-pkgconfig/run.cmake")

    environment = dict(os.environ, LD_LIBRARY_PATH=library, QT_QPA_PLATFORM="offscreen",
                       QT_QUICK_BACKEND="software")
    run("/usr/lib/qt6/bin/qmltestrunner", "-import", f"{library}/qt6/qml", "-input",
        os.path.join(source, "tests/auto/qml/installed"), env=environment)


def main():
    source, build = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        packages = make_packages(build, os.path.join(folder, "packages"))
        for name, path in packages.items():
            check_package(name, path)
        check_installable(packages)
        root = Root(folder)
        root.dpkg("--install", *packages.values())
        build_consumers(source, os.path.join(folder, "consumers"), root)
        root.dpkg("--purge", *packages)
        assert not root.files(), f"left behind: {root.files()}"
    print("four packages made, installed, used and removed")


main()
