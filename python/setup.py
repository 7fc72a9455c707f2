"""Builds the extension. The library is linked statically, from INDEXKV_LIBRARY_DIR (a build directory
with libindexkv.a) if that is set, otherwise it is built from the sources around this directory."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

here = Path(__file__).resolve().parent
os.chdir(here)
header = (here.parent / "include/indexkv.h").read_text()
version = re.search(r'IKV_VERSION_STRING "(.*)"', header).group(1)


class BuildWithLibrary(build_ext):
    def library_directory(self) -> Path:
        if "INDEXKV_LIBRARY_DIR" in os.environ:
            return Path(os.environ["INDEXKV_LIBRARY_DIR"])
        # Ninja, if it is there, or make: each in a directory of its own.
        generator = ["-G", "Ninja"] if shutil.which("ninja") else []
        directory = Path(self.build_temp).resolve() / "-".join(["indexkv"] + generator[1:])
        subprocess.run(["cmake", "-S", str(here.parent), "-B", str(directory), *generator,
                        "-DCMAKE_BUILD_TYPE=Release", "-DINDEXKV_BUILD_TOOLS=OFF",
                        "-DINDEXKV_BUILD_TESTS=OFF", "-DINDEXKV_BUILD_EXAMPLES=OFF"], check=True)
        subprocess.run(["cmake", "--build", str(directory), "--parallel", "--target",
                        "indexkv_static"], check=True)
        return directory

    def build_extension(self, extension):
        directory = self.library_directory()
        extension.extra_objects = [str(directory / "libindexkv.a")]
        # What the library is linked with, as its own pkg-config file says.
        for line in (directory / "indexkv.pc").read_text().splitlines():
            if line.startswith("Libs.private:"):
                extension.extra_link_args = line.split()[1:]
        super().build_extension(extension)


setup(
    version=version,
    ext_modules=[Extension("indexkv._indexkv",
                           sorted(str(path.relative_to(here)) for path in here.glob("src/*.c")),
                           depends=["src/binding.h"],
                           include_dirs=[str(here.parent / "include")],
                           extra_compile_args=["-std=c17", "-Wall", "-Wextra", "-Wshadow",
                                               "-Wno-missing-field-initializers"],
                           py_limited_api=True)],
    cmdclass={"build_ext": BuildWithLibrary},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
