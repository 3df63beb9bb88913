"""Promise: each family's models become the bytes that llama.cpp's converter writes, for f32, f16, bf16 and q8_0. Every file of models/ makes
one family's tiny models (VARIANTS: name → function of the folder), most through transformers' own classes.

live.py PART PARTS       every PARTS-th family, from PART on
live.py NAME…            these, with what differs key by key and tensor by tensor
"""
import os

import sides

conversion = sides.converter()


def check(_, name, make, scratch):
    folder = sides.fresh(scratch, name, make)
    theirs, ours = os.path.join(scratch, "theirs.gguf"), os.path.join(scratch, "ours.gguf")
    for kind in ("f32", "f16", "bf16", "q8_0"):
        for path in (theirs, ours):
            if os.path.exists(path):
                os.remove(path)
        try:
            sides.reference(conversion, folder, theirs, kind)
        except Exception as error:  # a model that is no test
            return f"{kind}: the converter: {type(error).__name__}: {error}"
        done = sides.ggx(folder, ours, kind)
        if done.returncode:
            return f"{kind}: exit {done.returncode}: {done.stderr.strip()}"
        with open(theirs, "rb") as a, open(ours, "rb") as b:
            if a.read() != b.read():
                return f"{kind} differs:\n{sides.explain(theirs, ours)}"
    return None


sides.each(check)
