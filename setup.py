"""Builds the compiled modules, and the two libraries that are linked into them: WiredTiger and PCRE2.

`pyproject.toml` says everything else, the list of compiled modules included. docs/build.md tells how it works.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent
BUILD = ROOT / "build"

sys.path.insert(0, str(ROOT / "vendor"))
from build_pcre2 import PCRE2  # noqa: E402 - in the directory beside this file
from build_wiredtiger import WIREDTIGER  # noqa: E402
from source_build import BuildError, Library, build  # noqa: E402

# The modules that are linked with a library; the others reach it through them.
LINKED = {
    "secantus_server.mql.regex._pattern": PCRE2,
    "secantus_server.storage.wiredtiger._binding": WIREDTIGER,
}


def compiled_modules() -> list[Extension]:
    """The extensions that pyproject.toml lists."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    names = settings["tool"]["secantus"]["compiled-modules"]
    flags = ["-O2", "-g0", "-Wno-sign-compare", "-Wno-unused-function"]
    return [Extension(name, [name.replace(".", "/") + ".pyx"], extra_compile_args=flags) for name in names]


def check_compiler(command: list[str]) -> None:
    """Stops with one sentence where C cannot be compiled. `command` is the compiler's."""
    if shutil.which(command[0]) is None:
        sys.exit(f"pytest-secantus needs a C compiler to build: {command[0]!r} was not found. Install gcc or clang.")
    header = Path(sysconfig.get_path("include"), "Python.h")
    if not header.exists():
        sys.exit(f"pytest-secantus needs Python's C headers to build: {header} does not exist (Debian: apt install python3-dev).")


def remove_stale_modules() -> None:
    """Empties setuptools' staging directories, so that a deleted module cannot get into a wheel."""
    for staging in BUILD.glob("lib*"):
        shutil.rmtree(staging)


class BuildModules(build_ext):
    """Compiles the libraries once, then our modules: several at a time, and only those that changed.

    The built modules are put beside their sources as well. A Python started in the tree finds the tree's packages first, installed or not.
    """

    def build_extensions(self) -> None:
        """Called with the compiler set up."""
        check_compiler(self.compiler.compiler_so)
        self.parallel = self.parallel or min(4, os.cpu_count() or 1)
        try:
            libraries = {module: build(recipe, BUILD) for module, recipe in LINKED.items()}
        except BuildError as error:
            sys.exit(str(error))
        ingredients = common_ingredients(libraries.values())
        everything = self.extensions
        stamps = {module.name: Stamp(ROOT / self.get_ext_filename(module.name), module, ingredients) for module in everything}
        self.extensions = [module for module in everything if not stamps[module.name].holds()]
        self._translate()
        for module in self.extensions:
            self._connect(module, libraries)
        super().build_extensions()
        for module in self.extensions:
            stamps[module.name].take(Path(self.get_ext_fullpath(module.name)))
        self.extensions = everything
        for module in everything:
            stamps[module.name].give(Path(self.get_ext_fullpath(module.name)))

    def _translate(self) -> None:
        """Runs Cython, with its output below `build`."""
        from Cython.Build import cythonize

        done = cythonize(self.extensions, build_dir=str(BUILD / "cython"), nthreads=self.parallel, force=True, quiet=True, language_level=3)
        sources = {extension.name: extension.sources for extension in done}
        for extension in self.extensions:
            extension.sources = sources[extension.name]

    def _connect(self, extension: Extension, libraries: dict[str, Library]) -> None:
        """Tell an extension where the libraries' headers are, and link it with the library that is its own."""
        extension.include_dirs += [str(library.include) for library in libraries.values()]
        if extension.name in libraries:
            extension.extra_objects.append(str(libraries[extension.name].archive))
            extension.libraries += ["pthread", "dl"]
            if sys.platform == "linux":
                # Another copy of the library in the same process must not meet our symbols.
                extension.extra_link_args.append("-Wl,--exclude-libs,ALL")


def common_ingredients(libraries: Iterable[Library]) -> bytes:
    """Return a digest of what goes into every module: the declarations, the libraries, the tools and this file."""
    import Cython

    # Relative, so that a copied or moved tree keeps what it has built.
    archives = [library.archive.relative_to(ROOT).as_posix() for library in libraries]
    digest = hashlib.sha256(f"{Cython.__version__} {sys.version} {archives}".encode())
    for declarations in (Path(__file__), *sorted(ROOT.glob("secantus_server/**/*.pxd"))):
        digest.update(declarations.read_bytes())
    return digest.digest()


class Stamp:
    """The note of what a module in the tree was made of.

    setuptools goes by the age of files, and a build environment is made anew each time, with Cython's own files in it.
    """

    def __init__(self, module: Path, extension: Extension, ingredients: bytes) -> None:
        self._module = module
        self._made_of = hashlib.sha256(ingredients + extension.name.encode() + Path(extension.sources[0]).read_bytes()).hexdigest()
        self._note = BUILD / "stamps" / f"{extension.name}-{sys.implementation.cache_tag}"

    def _content(self) -> str:
        return f"{self._made_of} {hashlib.sha256(self._module.read_bytes()).hexdigest()}"

    def holds(self) -> bool:
        """Whether the module is there, as it was built, from what is there now."""
        return self._module.exists() and self._note.exists() and self._note.read_text(encoding="ascii") == self._content()

    def take(self, built: Path) -> None:
        """Puts a module just built into the tree, and notes what it was made of.

        The old file is replaced, not written over: a process that has it mapped keeps it, where it would crash otherwise.
        """
        fresh = self._module.with_suffix(".new")
        shutil.copyfile(built, fresh)
        fresh.replace(self._module)
        self._note.parent.mkdir(exist_ok=True)
        self._note.write_text(self._content(), encoding="ascii")

    def give(self, target: Path) -> None:
        """Copies the module to where setuptools expects it."""
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._module, target)


if __name__ == "__main__":
    os.chdir(ROOT)
    remove_stale_modules()
    setup(ext_modules=compiled_modules(), cmdclass={"build_ext": BuildModules})
