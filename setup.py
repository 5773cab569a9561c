"""Builds the compiled modules, and the WiredTiger library that the storage binding is linked with.

`pyproject.toml` says everything else, the list of compiled modules included. docs/build.md tells how it works.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent
BUILD = ROOT / "build"
BINDING = "secantus_server.storage.wiredtiger._binding"

sys.path.insert(0, str(ROOT / "vendor"))
from build_wiredtiger import BuildError, Library, build  # noqa: E402 - it lies beside this file
from variants import PRODUCT, UnknownVariant, Variant, variant_of  # noqa: E402 - the same


def compiled_modules() -> list[Extension]:
    """The extensions that pyproject.toml lists."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    names = settings["tool"]["secantus"]["compiled-modules"]
    return [Extension(name, [name.replace(".", "/") + ".pyx"]) for name in names]


def variants_of(modules: list[Extension]) -> dict[str, Variant]:
    """Return the variant of each module by the module's name; see docs/instrumented.md."""
    try:
        return {module.name: variant_of(module.name, os.environ) for module in modules}
    except UnknownVariant as error:
        sys.exit(str(error))


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
    """Compiles WiredTiger once, then our modules: several at a time, and only those that changed.

    The built modules are put beside their sources as well. A Python started in the tree finds the tree's packages first, installed or not.
    A module of another variant than the product is kept below `build` instead, so that the tree goes on with the product.
    """

    def build_extensions(self) -> None:
        """Called with the compiler set up."""
        check_compiler(self.compiler.compiler_so)
        self.parallel = self.parallel or min(4, os.cpu_count() or 1)
        try:
            library = build(BUILD)
        except BuildError as error:
            sys.exit(str(error))
        ingredients = common_ingredients(library)
        everything = self.extensions
        variants = variants_of(everything)
        stamps = {}
        for module in everything:
            variant = variants[module.name]
            kept = (BUILD / variant.name if variant.name else ROOT) / self.get_ext_filename(module.name)
            stamps[module.name] = Stamp(kept, module, ingredients, variant)
        self.extensions = [module for module in everything if not stamps[module.name].holds()]
        for variant in {variants[module.name] for module in self.extensions}:
            self._translate([module for module in self.extensions if variants[module.name] == variant], variant)
        for module in self.extensions:
            self._connect(module, library)
        super().build_extensions()
        for module in self.extensions:
            stamps[module.name].take(Path(self.get_ext_fullpath(module.name)))
        self.extensions = everything
        for module in everything:
            stamps[module.name].give(Path(self.get_ext_fullpath(module.name)))

    def _translate(self, modules: list[Extension], variant: Variant) -> None:
        """Run Cython, with its output below `build`, and set the compiler's options."""
        from Cython.Build import cythonize

        if variant != PRODUCT:
            for module in modules:
                module.sources = [str(rewritten(Path(module.sources[0]), variant))]
        output = None if variant != PRODUCT else str(BUILD / "cython")
        done = cythonize(modules, build_dir=output, nthreads=self.parallel, force=True, quiet=True, language_level=3)
        sources = {module.name: module.sources for module in done}
        for module in modules:
            module.sources = sources[module.name]
            module.extra_compile_args += variant.compile_args
            module.extra_link_args += variant.link_args
            if variant != PRODUCT:
                (c,) = map(Path, module.sources)
                c.write_text(variant.translated(c.read_text(encoding="utf-8")), encoding="utf-8")

    def _connect(self, extension: Extension, library: Library) -> None:
        """Tells an extension where WiredTiger is; the binding alone is linked with it."""
        extension.include_dirs.append(str(library.include))
        if extension.name == BINDING:
            extension.extra_objects.append(str(library.archive))
            extension.libraries += ["pthread", "dl"]
            if sys.platform == "linux":
                # Another WiredTiger in the same process must not meet our symbols.
                extension.extra_link_args.append("-Wl,--exclude-libs,ALL")


def rewritten(source: Path, variant: Variant) -> Path:
    """Write a module's source, as a variant has it, below `build`; return its place."""
    copy = BUILD / variant.name / source
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(variant.source(source.read_text(encoding="utf-8")), encoding="utf-8")
    return copy.relative_to(ROOT)


def common_ingredients(library: Library) -> bytes:
    """A digest of what goes into every module: the declarations, the library, the tools and this file."""
    import Cython

    # Relative, so that a copied or moved tree keeps what it has built.
    archive = library.archive.relative_to(ROOT)
    digest = hashlib.sha256(f"{Cython.__version__} {sys.version} {archive}".encode())
    for declarations in (Path(__file__), *sorted(ROOT.glob("secantus_server/**/*.pxd"))):
        digest.update(declarations.read_bytes())
    return digest.digest()


class Stamp:
    """The note of what a kept module was made of.

    setuptools goes by the age of files, and a build environment is made anew each time, with Cython's own files in it.
    """

    def __init__(self, module: Path, extension: Extension, ingredients: bytes, variant: Variant) -> None:
        self._module = module
        digest = hashlib.sha256(ingredients + extension.name.encode() + Path(extension.sources[0]).read_bytes())
        digest.update(repr(variant).encode())
        self._made_of = digest.hexdigest()
        self._note = BUILD / "stamps" / variant.name / f"{extension.name}-{sys.implementation.cache_tag}"

    def _content(self) -> str:
        return f"{self._made_of} {hashlib.sha256(self._module.read_bytes()).hexdigest()}"

    def holds(self) -> bool:
        """Whether the module is there, as it was built, from what is there now."""
        return self._module.exists() and self._note.exists() and self._note.read_text(encoding="ascii") == self._content()

    def take(self, built: Path) -> None:
        """Puts a module just built into its place, and notes what it was made of.

        The old file is replaced, not written over: a process that has it mapped keeps it, where it would crash otherwise.
        """
        fresh = self._module.with_suffix(".new")
        shutil.copyfile(built, fresh)
        fresh.replace(self._module)
        self._note.parent.mkdir(parents=True, exist_ok=True)
        self._note.write_text(self._content(), encoding="ascii")

    def give(self, target: Path) -> None:
        """Copies the module to where setuptools expects it."""
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._module, target)


if __name__ == "__main__":
    os.chdir(ROOT)
    remove_stale_modules()
    setup(ext_modules=compiled_modules(), cmdclass={"build_ext": BuildModules})
