"""Promise: tq1_0 and tq2_0 are the converter's too: blocks where rows are whole blocks, f16 where they are not (as in these models, in which one
matrix of each layer may be wide enough). The first model of each family.

ternary.py NAME… | nothing: all
"""
import os
import sys

import sides

conversion = sides.converter()


def check(_, name, make, scratch):
    folder = sides.fresh(scratch, name, make)
    theirs, ours = os.path.join(scratch, "theirs.gguf"), os.path.join(scratch, "ours.gguf")
    for kind in ("tq1_0", "tq2_0"):
        for path in (theirs, ours):
            if os.path.exists(path):
                os.remove(path)
        sides.reference(conversion, folder, theirs, kind)
        done = sides.ggx(folder, ours, kind)
        if done.returncode:
            return f"{kind}: exit {done.returncode}: {done.stderr.strip()}"
        with open(theirs, "rb") as a, open(ours, "rb") as b:
            if a.read() != b.read():
                return f"{kind} differs:\n{sides.explain(theirs, ours)}"
    return None


if len(sys.argv) < 2:
    sys.argv += ["0", "1"]
sides.each(check, first_only=True)
