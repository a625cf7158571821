# SPDX-License-Identifier: MIT
# Conan 2. Builds the source tree that this file lies in: conan create packaging/conan
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load

required_conan_version = ">=2.0"


class QtKcpNetworkConan(ConanFile):
    name = "qtkcpnetwork"
    license = "MIT"
    description = "Reliable, ordered connections over UDP for Qt programs, with the KCP protocol"
    topics = ("qt", "kcp", "udp", "network")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "fPIC": [True, False], "qml": [True, False]}
    default_options = {"shared": True, "fPIC": True, "qml": False}
    implements = ["auto_shared_fpic"]

    def _tree(self):
        return os.path.abspath(os.path.join(self.recipe_folder, "..", ".."))

    def set_version(self):
        text = load(self, os.path.join(self._tree(), "CMakeLists.txt"))
        self.version = re.search(r"project\(QtKcpNetwork\s+VERSION (\S+)", text)[1]

    def export_sources(self):
        for name in ("CMakeLists.txt", "LICENSE"):
            copy(self, name, self._tree(), self.export_sources_folder)
        for folder in ("3rdparty", "cmake", "doc", "packaging", "src"):
            copy(self, "*", os.path.join(self._tree(), folder),
                 os.path.join(self.export_sources_folder, folder))

    def layout(self):
        cmake_layout(self)

    def validate(self):
        check_min_cppstd(self, 20)  # the module itself; C++17 is enough for its users

    def requirements(self):
        # Its headers are included by ours.
        self.requires("qt/[>=6.4 <7]", transitive_headers=True, transitive_libs=True)

    def generate(self):
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["QTKCPNETWORK_BUILD_TESTS"] = False
        toolchain.cache_variables["QTKCPNETWORK_BUILD_EXAMPLES"] = False
        toolchain.cache_variables["QTKCPNETWORK_BUILD_QML"] = bool(self.options.qml)
        toolchain.cache_variables["QTKCPNETWORK_INSTALL_INTO_QT"] = False
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        CMake(self).install()

    def package_info(self):
        # Our own CMake package, and not one that Conan makes: it has find_package(Qt6 COMPONENTS
        # KcpNetwork) too.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = [os.path.join("lib", "cmake", "Qt6KcpNetwork")]
        self.cpp_info.set_property("pkg_config_name", "Qt6KcpNetwork")
        self.cpp_info.includedirs = ["include", os.path.join("include", "QtKcpNetwork")]
        self.cpp_info.libs = ["Qt6KcpNetwork"]
        self.cpp_info.defines = ["QT_KCPNETWORK_LIB"]
        if not self.options.shared:
            self.cpp_info.defines.append("QT_KCPNETWORK_STATIC")
        self.cpp_info.requires = ["qt::qtCore", "qt::qtNetwork"]
