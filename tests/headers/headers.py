"""Every public header compiles alone, as C11 and as C++17, without a warning, with each compiler that is there."""
import os
import shutil
import subprocess
import sys
import tempfile

SOURCE = os.environ["GGX_SOURCE"]
FOLDERS = [os.path.join(SOURCE, "include"), os.path.join(SOURCE, "sdk", "include")]
FLAGS = ["-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
COMPILERS = [("gcc", "c11"), ("clang-14", "c11"), ("g++", "c++17"), ("clang++-14", "c++17")]


def headers():
    for folder in FOLDERS:
        for place, _, names in sorted(os.walk(folder)):
            for name in sorted(names):
                yield os.path.relpath(os.path.join(place, name), folder)


def compile_text(compiler, standard, text, folders=FOLDERS):
    """The compiler's complaint, or an empty string. Twice: an include guard must hold too."""
    language = "c++" if standard.startswith("c++") else "c"
    command = [compiler, "-std=" + standard, "-x", language, *FLAGS, *("-I" + folder for folder in folders), "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr or "exit code %d" % done.returncode


def main():
    faults = 0
    found = list(headers())
    compilers = [(c, s) for c, s in COMPILERS if shutil.which(c)]
    if "c11" not in (s for _, s in compilers) or "c++17" not in (s for _, s in compilers):
        sys.exit("a C and a C++ compiler are needed; found %s" % compilers)
    with tempfile.TemporaryDirectory() as folder:  # the test itself must be able to fail
        with open(os.path.join(folder, "leans.h"), "w") as file:
            file.write("static inline uint32_t twice(uint32_t x) { return 2 * x; }\n")
        for compiler, standard in compilers:
            if not compile_text(compiler, standard, "#include <leans.h>\n", [folder]):
                sys.exit("%s accepts a header that leans on another one" % compiler)
    for compiler, standard in compilers:
        for header in found:
            text = "#include <%s>\n#include <%s>\nint only_this;\n" % (header, header)
            complaint = compile_text(compiler, standard, text)
            if complaint:
                faults += 1
                print("%s -std=%s: %s\n%s" % (compiler, standard, header, complaint))
    print("%d headers, %s: %d faults" % (len(found), ", ".join(c for c, _ in compilers), faults))
    sys.exit(1 if faults or len(found) < 12 else 0)


main()
