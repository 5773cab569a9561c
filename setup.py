"""The build of the compiled modules, and of the two libraries that are linked into them: WiredTiger and PCRE2.

`pyproject.toml` contains all other build settings, including the list of compiled modules. See docs/build.md.
"""

from __future__ import annotations

import gc
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
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
from source_build import Library, Recipe, library_of  # noqa: E402
from variants import PRODUCT, UnknownVariant, Variant, variant_of  # noqa: E402

# The modules that are linked with a library; the others reach it through them.
LINKED = {
    "secantus_server.mql.regex._pattern": PCRE2,
    "secantus_server.storage.wiredtiger._binding": WIREDTIGER,
}


# Cython's own functions, in a module of their own. Without it every module contains them, and compiling takes 1.4 times as long.
SHARED = "secantus_server._cyutility"
# Passes of -O2 that take a quarter of its time, and that change next to nothing in code that mostly counts references and calls functions.
OMITTED = (
    "-fno-tree-vrp",
    "-fno-tree-pre",
    "-fno-gcse",
    "-fno-schedule-insns2",
    "-fno-tree-vectorize",
    "-fno-ipa-cp",
    "-fno-ivopts",
    "-fno-ipa-icf",
    "-fno-code-hoisting",
    "-fno-crossjumping",
    "-fno-ree",
)


@cache
def settings() -> dict[str, list[str]]:
    """Return the project's own table of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["secantus"]


def compiled_modules() -> list[Extension]:
    """Return the extensions that pyproject.toml lists, and the module that all of them share."""
    names = settings()["compiled-modules"]
    shared = Extension(SHARED, [SHARED.replace(".", "/") + ".c"])
    return [shared, *(Extension(name, [name.replace(".", "/") + ".pyx"]) for name in names)]


def variants_of(modules: list[Extension]) -> dict[str, Variant]:
    """Return the build variant of each module, by the module's name (see docs/instrumented.md)."""
    try:
        return {module.name: PRODUCT if module.name == SHARED else variant_of(module.name, os.environ) for module in modules}
    except UnknownVariant as error:
        sys.exit(str(error))


def check_compiler(command: list[str]) -> None:
    """Exit with a one-sentence message if C code cannot be compiled. `command` is the command line of the compiler."""
    if shutil.which(command[0]) is None:
        sys.exit(f"pytest-secantus needs a C compiler to build: {command[0]!r} was not found. Install gcc or clang.")
    header = Path(sysconfig.get_path("include"), "Python.h")
    if not header.exists():
        sys.exit(f"pytest-secantus needs Python's C headers to build: {header} does not exist (Debian: apt install python3-dev).")


def optimization(module: str, compiler: list[str]) -> tuple[str, ...]:
    """Return the options that set how far a module of the product is optimized. `compiler` is the command line of the compiler."""
    lists = settings()
    if module in lists["most-optimized"]:
        return ()
    if module in lists["least-optimized"]:
        return ("-O1",)
    return OMITTED if accepted(tuple(compiler), OMITTED) else ()


@cache
def accepted(compiler: tuple[str, ...], options: tuple[str, ...]) -> bool:
    """Return whether the compiler knows the options; clang only warns of those that it does not have."""
    command = [*compiler, "-Werror", "-fsyntax-only", *options, "-x", "c", os.devnull]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def building(recipes: Iterable[Recipe]) -> Iterator[None]:
    """Build the libraries in processes of their own while the block runs, and wait for them at its end.

    Exits with the message for the user if one cannot be built.
    """
    missing = [recipe for recipe in recipes if not library_of(recipe, BUILD).archive.exists()]
    started = [
        subprocess.Popen([sys.executable, str(recipe.script)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for recipe in missing
    ]
    try:
        yield
    finally:
        messages = [process.communicate()[1] for process in started]
    for process, message in zip(started, messages, strict=True):
        if process.returncode:
            sys.exit(message.strip())


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Let Cython run without Python's search for cycles, which would be a quarter of its time. Its processes end soon."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def remove_stale_modules() -> None:
    """Remove setuptools' staging directories, so that a module that was deleted from the sources cannot get into a wheel."""
    for staging in BUILD.glob("lib*"):
        shutil.rmtree(staging)


class BuildModules(build_ext):
    """A build command that first builds the libraries, then the changed modules in parallel.

    The built modules are also copied next to their sources, because a Python interpreter that is started in the source tree imports the
    tree's packages even if the project is installed. Modules of instrumented variants are stored below `build` instead, so that they do
    not replace the ordinary modules in the tree.
    """

    def build_extensions(self) -> None:
        """Build the libraries and modules. setuptools calls this method after it has configured the compiler."""
        check_compiler(self.compiler.compiler_so)
        self.parallel = self.parallel or min(4, os.cpu_count() or 1)
        libraries = {module: library_of(recipe, BUILD) for module, recipe in LINKED.items()}
        ingredients = common_ingredients(libraries.values())
        everything = self.extensions
        variants = variants_of(everything)
        stamps, options = {}, {}
        for module in everything:
            variant = variants[module.name]
            kept = (BUILD / variant.name if variant.name else ROOT) / self.get_ext_filename(module.name)
            options[module.name] = optimization(module.name, self.compiler.compiler_so) if variant == PRODUCT else ()
            stamps[module.name] = Stamp(kept, module, ingredients, variant, options[module.name])
        self.extensions = [module for module in everything if not stamps[module.name].holds()]
        with building(LINKED.values()), without_garbage_collection():
            for variant in {variants[module.name] for module in self.extensions}:
                self._translate([module for module in self.extensions if variants[module.name] == variant], variant)
        for module in self.extensions:
            module.extra_compile_args += options[module.name]
            self._connect(module, libraries)
        # The longest first, so that no processor is idle at the end.
        self.extensions.sort(key=lambda module: -Path(module.sources[0]).stat().st_size)
        super().build_extensions()
        for module in self.extensions:
            stamps[module.name].take(Path(self.get_ext_fullpath(module.name)))
        self.extensions = everything
        for module in everything:
            stamps[module.name].give(Path(self.get_ext_fullpath(module.name)))

    def _translate(self, modules: list[Extension], variant: Variant) -> None:
        """Run Cython with its output below `build`, and set the compiler options of the resulting extensions."""
        from Cython.Build import cythonize

        if variant != PRODUCT:
            for module in modules:
                module.sources = [str(rewritten(Path(module.sources[0]), variant))]
        # The other variants keep the functions in each module: `Variant.translated` changes them.
        output, shared = (str(BUILD / "cython"), SHARED) if variant == PRODUCT else (None, None)
        done = cythonize(
            modules,
            build_dir=output,
            nthreads=self.parallel,
            force=True,
            quiet=True,
            language_level=3,
            # Only the modules that say so are pickled. The methods for that would be a seventh of the generated code.
            compiler_directives={"auto_pickle": False},
            shared_utility_qualified_name=shared,
        )
        sources = {module.name: module.sources for module in done}
        for module in modules:
            module.sources = sources[module.name]
            module.extra_compile_args += variant.compile_args
            module.extra_link_args += variant.link_args
            if variant != PRODUCT:
                (c,) = map(Path, module.sources)
                c.write_text(variant.translated(c.read_text(encoding="utf-8")), encoding="utf-8")

    def _connect(self, extension: Extension, libraries: dict[str, Library]) -> None:
        """Set the include directories of an extension. If the extension uses a library, link it with the library."""
        extension.include_dirs += [str(library.include) for library in libraries.values()]
        if extension.name in libraries:
            extension.extra_objects.append(str(libraries[extension.name].archive))
            extension.libraries += ["pthread", "dl"]
            if sys.platform == "linux":
                # Another copy of the library in the same process must not resolve to our symbols.
                extension.extra_link_args.append("-Wl,--exclude-libs,ALL")


def rewritten(source: Path, variant: Variant) -> Path:
    """Write the source of a module, rewritten for a variant, below `build`. Return its path."""
    copy = BUILD / variant.name / source
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(variant.source(source.read_text(encoding="utf-8")), encoding="utf-8")
    return copy.relative_to(ROOT)


def common_ingredients(libraries: Iterable[Library]) -> bytes:
    """Return a digest of the inputs that all modules share: the declarations, the libraries, the tools, and this file."""
    import Cython

    # Relative, so that a copied or moved tree keeps its build.
    archives = [library.archive.relative_to(ROOT).as_posix() for library in libraries]
    digest = hashlib.sha256(f"{Cython.__version__} {sys.version} {archives}".encode())
    for declarations in (Path(__file__), *sorted(ROOT.glob("secantus_server/**/*.pxd"))):
        digest.update(declarations.read_bytes())
    return digest.digest()


class Stamp:
    """A record of the inputs from which a module was built.

    It is needed because setuptools compares only the modification times of files, and a fresh build environment contains new Cython files
    each time.
    """

    def __init__(self, module: Path, extension: Extension, ingredients: bytes, variant: Variant, options: tuple[str, ...]) -> None:
        self._module = module
        digest = hashlib.sha256(ingredients + extension.name.encode())
        # Cython generates the source of the shared module.
        if extension.name != SHARED:
            digest.update(Path(extension.sources[0]).read_bytes())
        digest.update(repr((variant, options)).encode())
        self._made_of = digest.hexdigest()
        self._note = BUILD / "stamps" / variant.name / f"{extension.name}-{sys.implementation.cache_tag}"

    def _content(self) -> str:
        return f"{self._made_of} {hashlib.sha256(self._module.read_bytes()).hexdigest()}"

    def holds(self) -> bool:
        """Return whether the module exists and was built from the current inputs."""
        return self._module.exists() and self._note.exists() and self._note.read_text(encoding="ascii") == self._content()

    def take(self, built: Path) -> None:
        """Move a newly built module to its destination, and record its inputs.

        The old file is replaced and not overwritten, because a process that has mapped it into memory would otherwise crash.
        """
        fresh = self._module.with_suffix(".new")
        shutil.copyfile(built, fresh)
        fresh.replace(self._module)
        self._note.parent.mkdir(parents=True, exist_ok=True)
        self._note.write_text(self._content(), encoding="ascii")

    def give(self, target: Path) -> None:
        """Copy the module to the path at which setuptools expects it."""
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._module, target)


if __name__ == "__main__":
    os.chdir(ROOT)
    remove_stale_modules()
    setup(ext_modules=compiled_modules(), cmdclass={"build_ext": BuildModules})
