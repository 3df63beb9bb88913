"""docs/ids.md says what the headers say. ids.py compares it; ids.py --write makes it anew from them."""
import os
import re
import sys

SOURCE = os.environ.get("GGX_SOURCE") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = os.path.join(SOURCE, "docs", "ids.md")

# Title, header, pattern of the names, and a sentence. Every numbered or named constant of the headers belongs to one.
GROUPS = [
    ("Interfaces", ["plugin.h", "reader.h", "writer.h", "draft/quant.h", "draft/decode.h", "draft/vocab.h"], r"GGX_\w+_ID",
     "An id names one vtable layout for ever; with `.draft` in it while that is not settled (docs/abi.md, section 3)."),
    ("Status codes", ["base.h"], r"GGX_OK|GGX_E_\w+", "Pinned. Up to -10 they are the exit codes with the sign turned; -11 is 130, -12 and -13 are 1."),
    ("Log levels", ["host.h"], r"GGX_LOG_\w+", "For `host->log`."),
    ("Option types", ["options.h"], r"GGX_OPTION_\w+", "What a plugin declares for `-O NAME=VALUE`."),
    ("Kinds of source", ["source.h"], r"GGX_SOURCE_\w+", "What the user named."),
    ("Probe scores", ["reader.h"], r"GGX_PROBE_\w+", "Any number from 0 to 100 may be answered; these are the customary ones."),
    ("Byte orders", ["tensor.h"], r"GGX_(?:LITTLE|BIG)_ENDIAN\w*", "Of a plain type's elements."),
    ("Access", ["tensor.h"], r"GGX_ACCESS_\w+", "How a tensor's elements are had."),
    ("Tensor flags", ["tensor.h"], r"GGX_TENSOR_\w+", "Bits."),
    ("Writer flags", ["writer.h"], r"GGX_WRITER_(?!ID)\w+", "Bits."),
    ("Key/value types", ["tensor.h"], r"GGX_KV_\w+", "The numbers are GGUF's."),
    ("Importance matrix", ["draft/quant.h"], r"GGX_IMATRIX_\w+", "What it does to a tensor type."),
    ("Flags of tensor types", ["draft/quant.h"], r"GGX_QUANT_(?!ID)\w+", "Bits."),
    ("Flags of decoders' inputs", ["draft/decode.h"], r"GGX_INPUT_\w+", "Bits."),
    ("Limits and absences", ["base.h", "tensor.h", "draft/quant.h", "draft/decode.h"], r"GGX_MAX_RANK|GGX_NO_\w+|GGX_SCRATCH_HEAD|GGX_DECODER_INPUTS", ""),
]
# Macros that are no ids.
OTHER = r"GGX_(?:\w+_H|NOEXCEPT|EXTERN_C_\w+|STATIC_ASSERT|EXPORT|PRINTF|MUST_CHECK|UNUSED|ALIGNED|HAS|FIELD_END|PLUGIN)"
PLAIN = [("f64", 8, "IEEE 754 double"), ("f32", 4, "IEEE 754 single"), ("f16", 2, "IEEE 754 half"), ("bf16", 2, "the upper half of an f32"),
         ("i8", 1, "signed"), ("i16", 2, "signed"), ("i32", 4, "signed"), ("i64", 8, "signed"), ("u8", 1, "unsigned"), ("u16", 2, "unsigned"),
         ("u32", 4, "unsigned"), ("u64", 8, "unsigned"), ("bool", 1, "0 or 1"), ("c64", 8, "two f32: real, imaginary"),
         ("c128", 16, "two f64: real, imaginary"), ("f8_e4m3", 1, "1 sign, 4 exponent, 3 mantissa bits"),
         ("f8_e5m2", 1, "1 sign, 5 exponent, 2 mantissa bits"), ("f8_e8m0", 1, "8 exponent bits: a power of two")]


def read(*parts):
    with open(os.path.join(SOURCE, *parts), encoding="utf-8") as file:
        return file.read()


def defines(header):
    """(name, value, comment) of each object-like macro that has a value."""
    text = read("include", "ggx", header).replace("\\\n", " ")
    for match in re.finditer(r"^#define (GGX_\w+)[ \t]+([^\n]*?)[ \t]*(?:/\*(.*?)\*/)?[ \t]*$", text, flags=re.M | re.S):
        name, value, comment = match.groups()
        if "\n" not in value:
            yield name, value.strip("() "), " ".join((comment or explained(text, name)).split())


def explained(text, name):
    """What a list in a comment says of the last word of the name: " *  RAW  they lie …", to the next word or the end."""
    word = name.rpartition("_")[2]
    match = re.search(r"^ \*  %s {2,}(.*?)(?=\n \*  [A-Z]{2,} |\*/)" % word, text, flags=re.M | re.S)
    return re.sub(r"\n \*\s+", " ", match.group(1)) if match else ""


def headers():
    for place, _, names in sorted(os.walk(os.path.join(SOURCE, "include", "ggx"))):
        for name in sorted(names):
            yield os.path.relpath(os.path.join(place, name), os.path.join(SOURCE, "include", "ggx"))


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] + ["| " + " | ".join(row) + " |" for row in rows] + [""]


def page():
    lines = ["# Ids and numbers", "", "All names and numbers that cross the line between host and plugin. Made from the headers by "
             "`tests/abi/ids.py --write`; a test compares.", ""]
    used = set()
    for title, files, pattern, sentence in GROUPS:
        rows = []
        for header in files:
            for name, value, comment in defines(header):
                if re.fullmatch(pattern, name):
                    used.add(name)
                    rows.append(["`%s`" % name, "`%s`" % value.strip('"'), comment.replace("|", "\\|")])
        lines += ["## " + title, ""] + ([sentence, ""] if sentence else []) + table(["name", "value", "meaning"], rows)
    for header in headers():
        for name, _, _ in defines(header):
            if name not in used and not re.fullmatch(OTHER, name):
                sys.exit("%s of %s is in no group of this test" % (name, header))
    named = re.search(r"Names in use:(.*?)\*/", read("include", "ggx", "tensor.h"), flags=re.S).group(1)
    for name, _, _ in PLAIN:
        if not re.match(r"[iu]\d+$", name) and not re.search(r"\b%s\b" % name, named):
            sys.exit("%s is not among the names of tensor.h" % name)
    lines += ["## Element types", "", "A type is its name and its block (`ggx_type`): a reader may push names that are not here.", ""]
    lines += table(["name", "bytes", "meaning"], [["`%s`" % n, str(b), m] for n, b, m in PLAIN])
    rows = re.findall(r'\{(\d+), "(\w+)", (\d+), (\d+)\}', read("sdk", "include", "ggx_sdk", "ggml_types.h"))
    if len(rows) < 30:
        sys.exit("the table of ggml_types.h was not found")
    lines += ["## ggml's types", "", "Numbers as GGUF and GGML .bin store them; names are ggml's in lower case.", ""]
    lines += table(["number", "name", "elements of a block", "bytes of a block"], [[c, "`%s`" % n, e, b] for c, n, e, b in rows])
    return "\n".join(lines)


def main():
    made = page()
    if sys.argv[1:] == ["--write"]:
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write(made)
        return
    if read("docs", "ids.md") != made:
        sys.exit("docs/ids.md is not what the headers say: run tests/abi/ids.py --write")
    print("docs/ids.md is what the headers say")


main()
