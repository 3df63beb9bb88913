"""Promise: tq1_0 and tq2_0 are the converter's too: blocks where rows are whole blocks, f16 where they are not (as in these models, in which one
matrix of each layer may be wide enough). The first model of each family.

ternary.py NAME… | nothing: all
"""
import sys

import sides

conversion = sides.converter()


def check(_, name, make, scratch):
    return sides.compare(conversion, sides.fresh(scratch, name, make), scratch, ("tq1_0", "tq2_0"))


if len(sys.argv) < 2:
    sys.argv += ["0", "1"]
sides.each(check, first_only=True)
