"""The tree's own rules. hygiene.py RULE checks $GGX_SOURCE (or the tree this file is in); --list names the rules.

Each rule is a function from a tree to findings ("path:line: what"), with a plant: files that break it. Before a rule looks at
the real tree it is run on a small clean tree, where it must find nothing, and on that tree with each plant, where it must find
something; so a rule that has gone blind fails.
"""

import json
import os
import pathlib
import re
import sys
import tempfile

RULES = {}
TEXT = {".c", ".h", ".py", ".sh", ".md", ".json", ".cmake", ".txt", ".cfg", ".cpp", ".in", ".dict", ""}
# Longer than a file should be, for a reason.
LONG_FILES = {}


def rule(name, *plants):
    """Registers a rule. A plant is a dict of path to contents, laid over the clean tree."""

    def register(function):
        RULES[name] = (function, plants)
        return function

    return register


class Tree:
    """The files of a source tree: what is built, fetched or git's own is left out."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.files = {}
        for folder, folders, names in os.walk(self.root):
            folders[:] = [f for f in folders if f not in (".git", "build", ".oracles", "__pycache__")]
            for name in names:
                if name == ".git":  # of a linked work tree
                    continue
                path = pathlib.Path(folder, name)
                self.files[path.relative_to(self.root).as_posix()] = path

    def under(self, *prefixes, suffixes=TEXT):
        """(path, text) of the files under the prefixes, this rule book itself aside."""
        for path in sorted(self.files):
            if path.startswith("tests/hygiene/"):
                continue
            if any(path.startswith(p) for p in prefixes) and pathlib.PurePosixPath(path).suffix in suffixes:
                try:
                    yield path, self.files[path].read_text(encoding="utf-8")
                except UnicodeDecodeError:
                    continue  # not text after all: a sample, an entry of a corpus

    def folders(self, parent):
        """Names of the plugin folders plugins/KIND/NAME, those that build something."""
        pattern = re.compile(re.escape(parent) + r"/([^/]+)/CMakeLists\.txt")
        return sorted(m.group(1) for m in map(pattern.fullmatch, self.files) if m)


def lines_matching(files, pattern, message):
    for path, text in files:
        for number, line in enumerate(text.split("\n"), 1):
            found = re.search(pattern, line)
            if found:
                yield f"{path}:{number}: {message.format(found.group(0).strip())}"


def without_comments_and_strings(text):
    """C code with comments, strings and character constants blanked; its lines keep their numbers."""

    def blank(found):
        return re.sub(r"[^\n]", " ", found.group(0))

    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


# Names of model families, for recipes to know and core not to.
FAMILIES = "gpt gpt2 gptj llama yolo yolov3 bert whisper mnist magika mistral mixtral gemma qwen phi3 cerebras silero".split()
# Names that a data file happens to have and that are words of the field besides.
ORDINARY = {"none", "legacy", "local", "generic"}
PIVOT = {"f32", "f64"}  # what kernels read and write, and the scalar types of the ABI's key/values


def names_of_plugins(tree):
    """Every format, tensor type and model that a folder, a manifest or a recipe of the tree brings."""
    names = set(FAMILIES)
    for kind in ("readers", "writers", "vocabs", "decoders"):
        names.update(tree.folders(f"plugins/{kind}"))
    for path in tree.files:
        if re.fullmatch(r"plugins/recipes/[^/]+\.json", path):
            names.add(pathlib.PurePosixPath(path).stem)
        elif path.startswith("plugins/quants/") and path.endswith(".json"):
            names.update(types_of_manifest(json.loads(tree.files[path].read_text())))
    return {name.lower() for name in names} - ORDINARY - PIVOT


def types_of_manifest(manifest):
    return [vtable["type"] for vtable in manifest.get("provides", []) if "type" in vtable]


@rule(
    "core-names",
    {"core/plan/plan.c": '/* ok */\nstatic const char *type = "q4_0";\n'},
    {"core/plan/plan.c": "static int read_zoo_header(void);\n"},
    {"core/cli/convert.c": "/* a YOLOv3 network */\n"},
    {"core/flow.c": "int small_net;\n", "plugins/recipes/small-net.json": "{}", "core/x.c": '#define R "small-net"\n'},
)
def core_names(tree):
    """Core knows no format, no tensor type and no model by name."""
    names = sorted(names_of_plugins(tree), key=len, reverse=True)
    pattern = r"(?i)(?<![a-z0-9])(?:" + "|".join(map(re.escape, names)) + r")(?![a-z0-9])"
    return lines_matching(tree.under("core/"), pattern, "core names {}")


@rule("open-ends", {"core/flow.c": "int x; /* " + "TO" + "DO later */\n"}, {"docs/flow.md": "FIX" + "ME\n"})
def open_ends(tree):
    """What is in the tree is finished."""
    words = r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b"
    return lines_matching(tree.under(""), words, "{}: finish it or leave it out")


@rule("length", {"core/flow.c": "int x;\n" * 601}, {"plugins/readers/zoo/zoo.c": "int f(void)\n{\n" + "    g();\n" * 61 + "}\n"})
def length(tree):
    """A file is one subject, a function one step."""
    for path, text in tree.under("core/", "plugins/", "sdk/", "include/", "tests/", suffixes={".c", ".h", ".py", ".sh"}):
        count = text.count("\n")
        if count > 600 and path not in LONG_FILES:
            yield f"{path}:600: {count} lines; a file has at most 600"
        if path.endswith(".c") and not path.startswith(("tests/", "plugins/kernels/", "plugins/quants/")):
            yield from long_functions(path, text)


def long_functions(path, text):
    start = None
    for number, line in enumerate(text.split("\n"), 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            if number - start - 1 > 60:
                yield f"{path}:{start}: a function of {number - start - 1} lines; at most 60"
            start = None


@rule(
    "library-manners",
    {"core/plan/plan.c": 'void f(void)\n{\n    printf("x");\n}\n'},
    {"plugins/readers/zoo/zoo.c": "void f(int x)\n{\n    assert(x);\n}\n"},
    {"sdk/src/json.c": "void f(void)\n{\n    abort();\n}\n"},
)
def library_manners(tree):
    """Only the command line prints and exits; nothing dies on its input; plugins leave the heap to the host."""
    calls = r"printf|fprintf|vprintf|vfprintf|puts|putchar|perror|exit|_exit|quick_exit|abort|assert"
    prefixes = ("core/", "plugins/", "sdk/src/", "sdk/include/", "include/")
    code = [(p, without_comments_and_strings(t)) for p, t in tree.under(*prefixes, suffixes={".c", ".h"})]
    code = [(p, t) for p, t in code if not p.startswith("core/cli/")]
    yield from lines_matching(code, rf"\b(?:{calls})\s*\(", "{}…): return an error instead")
    plugins = [(p, t) for p, t in code if p.startswith("plugins/")]
    yield from lines_matching(plugins, r"\b(?:malloc|calloc|realloc|strdup)\s*\(", "{}…): allocate through host->alloc")
    yield from lines_matching(plugins, r"\b(?:fopen|openat|mmap|socket)\s*\(", "{}…): read through the source")


@rule("layering", {"plugins/readers/zoo/zoo.c": '#include "checkpoint/view.h"\n'}, {"sdk/src/json.c": '#include "../../core/base/error.h"\n'})
def layering(tree):
    """A plugin sees the ABI, the sdk and itself (a fast kernel its type's definition too); the sdk never core; the ABI only itself."""
    for path, text in tree.under("plugins/", "sdk/", "include/", suffixes={".c", ".h"}):
        own = re.match(r"include/|sdk/template/|sdk/|plugins/[^/]+/[^/]+/", path).group(0)
        for number, line in enumerate(text.split("\n"), 1):
            found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not found or found.group(1).startswith(("ggx/", "ggx_sdk/")):
                continue
            target = os.path.normpath(os.path.join(os.path.dirname(path), found.group(1)))
            kind = "/".join(path.split("/")[:2])
            shared = kind in ("plugins/quants", "plugins/decoders", "plugins/vocabs") and target.startswith(kind + "/common/")
            shared |= path.startswith("plugins/decoders/common/") and target == "plugins/quants/common/half.h"
            shared |= path.startswith("plugins/kernels/") and target.startswith(("plugins/quants/", "plugins/kernels/"))
            if target not in tree.files or not (target.startswith(own) or shared):
                yield f'{path}:{number}: includes "{found.group(1)}"'


@rule(
    "no-hosts",
    {"tests/setup.sh": "curl https" + "://example.org/x\n"},
    {"sdk/cmake/X.cmake": "set(U http" + "://example.org)\n"},
    {".ci/run": "wget https" + "://example.org\n"},
)
def no_hosts(tree):
    """Scripts fetch by name from the machine's own package sources; they name no server."""
    scripts = [(p, t) for p, t in tree.under("", suffixes={".sh", ".py", ".cmake", ".txt", ".json", ""})
               if not p.startswith(("plugins/", "docs/", "LICENSE"))]
    return lines_matching(scripts, r"https?:" + r"//(?!127\.0\.0\.1|localhost|\{)\S+", "{}")


@rule("machine-paths", {"docs/flow.md": "as in /wo" + "rk/data\n"}, {"tests/run.sh": "cd /ho" + "me/me/ggx\n"})
def machine_paths(tree):
    """The tree speaks of no particular machine."""
    return lines_matching(tree.under(""), r"(?<![\w.])/(?:wo" + r"rk|far" + r"m|ho" + r"me|tm" + r"p|opt)/\S*", "{}")


TOP = {"CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md", "core", "plugins", "sdk", "include", "tests", "docs"}


@rule("layout", {"src/x.c": "int x;\n"}, {"plugins/formats/zoo/CMakeLists.txt": "\n"}, {"core/zoo/x.c": "int x;\n"})
def layout(tree):
    """The top level, the rooms of core and the kinds of plugins are those that the documents name."""
    rooms = "base host source fetch hash checkpoint recipe plan execute commit cli".split()
    kinds = "readers writers quants kernels decoders vocabs recipes mixtures models catalog references".split()
    top = {p.split("/")[0] for p in tree.files}
    for name in sorted(top - TOP - {"CHANGELOG.md"}):
        if not name.startswith("."):
            yield f"{name}:1: not a name of the top level"
    for name in sorted(TOP - top):
        yield f"{name}:1: missing"
    for parent, known in (("core", rooms), ("plugins", kinds)):
        for room in sorted({p.split("/")[1] for p in tree.files if p.startswith(parent + "/") and p.count("/") > 1} - set(known)):
            yield f"{parent}/{room}:1: not one of {' '.join(known)}"


@rule("plugin-parts", {"plugins/readers/bare/CMakeLists.txt": "\n", "plugins/readers/bare/bare.c": "\n"},
      {"plugins/writers/zoo/CMakeLists.txt": "\n", "docs/formats/zoo.md": "\n"})
def plugin_parts(tree):
    """A reader has a fuzz target and a page with byte offsets; a writer a page; every plugin a manifest."""
    for kind in ("readers", "writers", "quants", "decoders", "vocabs"):
        for name in tree.folders(f"plugins/{kind}"):
            folder = f"plugins/{kind}/{name}"
            wanted = []
            if not any(p.startswith(folder + "/") and p.endswith(".json") for p in tree.files):
                wanted.append(f"{folder}/manifest.json")
            if kind == "readers":
                wanted.append(f"tests/fuzz/reader_{name.replace('-', '_')}.c")
            if kind in ("readers", "writers"):
                wanted.append(f"docs/formats/{name}.md")
            for path in wanted:
                if path not in tree.files:
                    yield f"{folder}:1: has no {path}"


CLEAN = {
    "CMakeLists.txt": "project(x)\n",
    "CMakePresets.json": "{}\n",
    "LICENSE": "x\n",
    "README.md": "# x\n",
    "core/flow.c": "/* The pipeline. */\nint run(void)\n{\n    return 0;\n}\n",
    "core/cli/main.c": '#include <stdio.h>\nint main(void)\n{\n    printf("printed");\n}\n',
    "include/ggx/ggx.h": "#include <stdint.h>\n",
    "sdk/include/ggx_sdk/json.h": "/* abort( in a comment */\n",
    "sdk/src/json.c": '#include "ggx_sdk/json.h"\n',
    "plugins/readers/zoo/CMakeLists.txt": "\n",
    "plugins/readers/zoo/manifest.json": "{}\n",
    "plugins/readers/zoo/zoo.c": '#include "ggx/reader.h"\nstatic const char *message = "exit(1)";\n',
    "plugins/quants/basic/CMakeLists.txt": "\n",
    "plugins/quants/basic/manifest.json": '{"provides": [{"interface": "x", "type": "f32"}, {"interface": "x", "type": "q4_0"}]}\n',
    "tests/fuzz/reader_zoo.c": "int x;\n",
    "tests/run.sh": "#!/bin/sh\n",
    "docs/formats/zoo.md": "# zoo\n",
}


def findings_with(function, plant):
    with tempfile.TemporaryDirectory() as root:
        for path, text in {**CLEAN, **plant}.items():
            target = pathlib.Path(root, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        return list(function(Tree(root)))


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(RULES))
        return 0
    if len(sys.argv) != 2 or sys.argv[1] not in RULES:
        print("usage: hygiene.py --list | RULE", file=sys.stderr)
        return 2
    function, plants = RULES[sys.argv[1]]
    clean = findings_with(function, {})
    if clean:
        print("self-test: findings in a clean tree:", *clean, sep="\n")
        return 1
    for plant in plants:
        if not findings_with(function, plant):
            print(f"self-test: a planted violation was not found: {plant}")
            return 1
    root = os.environ.get("GGX_SOURCE") or pathlib.Path(__file__).resolve().parents[2]
    found = list(function(Tree(root)))
    print(*found, sep="\n")
    print(f"{sys.argv[1]}: {function.__doc__.strip()} {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
