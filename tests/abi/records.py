"""The table of layout.txt is complete: every record of every public header is in it, with every field, in order."""
import os
import re
import sys

SOURCE = os.environ["GGX_SOURCE"]
INCLUDE = os.path.join(SOURCE, "include", "ggx")


def strip_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def field_name(statement):
    pointer = re.search(r"\(\s*\*\s*(\w+)\s*\)\s*\(", statement)  # a function pointer's name stands in its first brackets
    return pointer.group(1) if pointer else re.search(r"(\w+)\s*(?:\[[^\]]*\]\s*)?$", statement).group(1)


def records(text):
    for match in re.finditer(r"typedef struct (\w+) \{(.*?)\n\} \1;", strip_comments(text), flags=re.S):
        statements = [" ".join(s.split()) for s in match.group(2).split(";")]
        yield match.group(1), [field_name(s) for s in statements if s]


def main():
    expected = []
    for place, _, names in sorted(os.walk(INCLUDE)):
        for name in sorted(names):
            with open(os.path.join(place, name), encoding="utf-8") as file:
                text = file.read()
            found = list(records(text))
            if len(found) != len(re.findall(r"^(?:typedef )?(?:struct|union|enum)\b[^;(]*\{", strip_comments(text), flags=re.M)):
                sys.exit("%s: a record that this test cannot read" % name)
            expected += [(record, [record + "." + field for field in fields]) for record, fields in found]
    with open(os.path.join(SOURCE, "tests", "abi", "layout.txt"), encoding="utf-8") as file:
        lines = [line.split()[0] for line in file]
    table = {}
    for line in lines:
        table.setdefault(line.split(".")[0], []).extend([line] if "." in line else [])
    faults = 0
    for record, fields in expected:
        if table.pop(record, None) != fields:
            faults += 1
            print("%s: not in layout.txt with these fields in this order: %s" % (record, " ".join(fields)))
    for record in table:
        faults += 1
        print("%s: in layout.txt, but in no header" % record)
    print("%d records, %d faults" % (len(expected), faults))
    sys.exit(1 if faults or len(expected) < 20 else 0)


main()
