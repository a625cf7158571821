#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_conan.py SOURCE_DIR BUILD_DIR WORK_DIR VERSION GENERATOR

Runs the methods of packaging/conan/conanfile.py in Conan's order, with stand-ins for what it imports
from Conan. Configuring is real; instead of building once more, BUILD_DIR is installed. What
package_info() says has to be there.
"""
import fnmatch
import importlib.util
import os
import shutil
import subprocess
import sys
import types

SOURCE, BUILD, WORK, VERSION, GENERATOR = sys.argv[1:]
calls = []


class Options(types.SimpleNamespace):
    pass


class CppInfo:
    def __init__(self):
        self.properties = {}

    def set_property(self, name, value):
        self.properties[name] = value


class ConanFile:
    def __init__(self):
        self.recipe_folder = os.path.join(SOURCE, "packaging", "conan")
        self.export_sources_folder = os.path.join(WORK, "export")
        self.source_folder = self.export_sources_folder
        self.package_folder = os.path.join(WORK, "package")
        self.cpp_info = CppInfo()
        self.options = Options(**self.default_options)
        self.required = []

    def requires(self, reference, **_):
        self.required.append(reference)


class CMakeToolchain:
    last = None

    def __init__(self, recipe):
        self.cache_variables = {}
        CMakeToolchain.last = self

    def generate(self):
        calls.append("toolchain")


class CMakeDeps:
    def __init__(self, recipe):
        pass

    def generate(self):
        calls.append("deps")


class CMake:
    def __init__(self, recipe):
        self.recipe = recipe

    def configure(self):
        calls.append("configure")
        variables = [f"-D{name}={'ON' if value else 'OFF'}"
                     for name, value in CMakeToolchain.last.cache_variables.items()]
        result = subprocess.run(["cmake", "-S", self.recipe.source_folder, "-B",
                                 os.path.join(WORK, "build"), "-G", GENERATOR, *variables],
                                text=True, capture_output=True, check=False)
        assert result.returncode == 0, result.stderr
        assert "not used by the project" not in result.stderr, result.stderr

    def build(self):
        calls.append("build")

    def install(self):
        calls.append("install")
        subprocess.run(["cmake", "--install", BUILD, "--prefix", self.recipe.package_folder],
                       check=True, stdout=subprocess.DEVNULL)


def copy(_, pattern, source, destination):
    """conan.tools.files.copy: with the folders below."""
    copied = []
    for place, _, names in os.walk(source):
        if os.path.realpath(place) == os.path.realpath(SOURCE) and "/" not in pattern:
            names = [name for name in names if name == pattern]
        for name in fnmatch.filter(names, pattern):
            target = os.path.join(destination, os.path.relpath(place, source), name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy2(os.path.join(place, name), target)
            copied.append(target)
        if pattern != "*":
            break
    assert copied, f"nothing to copy: {pattern} in {source}"
    return copied


def load(_, path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def install_stand_ins():
    names = {
        "conan": {"ConanFile": ConanFile},
        "conan.tools": {},
        "conan.tools.build": {"check_min_cppstd": lambda recipe, std: calls.append(f"c++{std}")},
        "conan.tools.cmake": {"CMake": CMake, "CMakeDeps": CMakeDeps,
                              "CMakeToolchain": CMakeToolchain,
                              "cmake_layout": lambda recipe: calls.append("layout")},
        "conan.tools.files": {"copy": copy, "load": load},
    }
    for name, content in names.items():
        module = types.ModuleType(name)
        module.__dict__.update(content)
        sys.modules[name] = module


def check_package_info(recipe):
    info = recipe.cpp_info
    folder = recipe.package_folder
    for path in info.includedirs + info.builddirs:
        assert os.path.isdir(os.path.join(folder, path)), f"there is no {path}"
    assert os.path.exists(os.path.join(folder, info.builddirs[0], "Qt6KcpNetworkConfig.cmake"))
    for library in info.libs:
        assert os.path.exists(os.path.join(folder, "lib", f"lib{library}.so")), library
    name = info.properties["pkg_config_name"]
    assert os.path.exists(os.path.join(folder, "lib", "pkgconfig", name + ".pc")), name
    assert os.path.exists(os.path.join(folder, "licenses", "LICENSE"))


def main():
    shutil.rmtree(WORK, ignore_errors=True)
    install_stand_ins()
    spec = importlib.util.spec_from_file_location(
        "conanfile", os.path.join(SOURCE, "packaging", "conan", "conanfile.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    recipe = module.QtKcpNetworkConan()
    recipe.set_version()
    assert recipe.version == VERSION, f"version {recipe.version}"
    assert set(recipe.default_options) == set(recipe.options.__dict__) == set(module.
        QtKcpNetworkConan.options)
    for step in ("export_sources", "layout", "validate", "requirements", "generate", "build",
                 "package", "package_info"):
        getattr(recipe, step)()
    assert calls == ["layout", "c++20", "deps", "toolchain", "configure", "build", "install"], calls
    assert [reference.partition("/")[0] for reference in recipe.required] == ["qt"]
    check_package_info(recipe)
    shutil.rmtree(WORK)


main()
