"""Makes unicode.txt: what normalization and lower case need of the Unicode Character Database (Unicode licence v3), as this Python's
unicodedata has it. A line is a letter and numbers in base 16:

    D code to…   decomposes so, and is composed again from that
    S code to…   decomposes so, and is never composed
    K code to…   compatibility decomposition
    C class first last…   combining class of pairs of code points, from first to last
    L code to…   lower case
"""
import itertools
import os
import sys
import unicodedata as u


def ranges(codes):
    for _, group in itertools.groupby(enumerate(codes), lambda p: p[1] - p[0]):
        group = [c for _, c in group]
        yield group[0], group[-1]


def lines():
    yield f"# Unicode {u.unidata_version}"
    codes = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and not 0xAC00 <= c < 0xD7A4]
    for c in codes:
        words = u.decomposition(chr(c)).split()
        if words and words[0].startswith("<"):
            yield " ".join(["K", f"{c:x}"] + [f"{int(w, 16):x}" for w in words[1:]])
        elif words:
            again = u.normalize("NFC", "".join(chr(int(w, 16)) for w in words)) == chr(c)
            yield " ".join(["D" if again else "S", f"{c:x}"] + [f"{int(w, 16):x}" for w in words])
    classes = {}
    for c in codes:
        if u.combining(chr(c)):
            classes.setdefault(u.combining(chr(c)), []).append(c)
    for combining, members in sorted(classes.items()):
        for first, last in ranges(members):
            yield f"C {combining:x} {first:x} {last:x}"
    for c in codes:
        if chr(c).lower() != chr(c):
            yield " ".join(["L", f"{c:x}"] + [f"{ord(d):x}" for d in chr(c).lower()])


with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "unicode.txt") if len(sys.argv) < 2 else sys.argv[1], "w") as file:
    file.writelines(line + "\n" for line in lines())
