"""Promise: `ggx FOLDER --type MIXTURE --via f16` writes in one step what the converter followed by llama.cpp's quantization writes in two. The first
model of each family, four times as wide where its configuration allows so that blocks of 256 fit, in every mixture that needs no
importance matrix: equal files. Types that the converter writes itself (q8_0, tq1_0, tq2_0) are its own there: live.py has them.

quantized.py PART PARTS | NAME…
"""
import ctypes
import os

import llama
import sides
import tiny

NEED = {"iq2_xxs", "iq2_xs", "q2_k_s", "iq3_xs", "iq3_xxs", "iq1_s", "iq2_s", "iq2_m", "iq1_m"}
library = llama.Library()
conversion = sides.converter()


def quantize(source, target, kind):
    params = library.llama_model_quantize_default_params()
    params.nthread, params.ftype = 1, llama.QUANTIZE_TYPES[kind]
    return library.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(params)) == 0


def check(_, name, make, scratch):
    folder = sides.fresh(scratch, name, make)
    between, theirs, ours = (os.path.join(scratch, n) for n in ("between.gguf", "theirs.gguf", "ours.gguf"))
    sides.reference(conversion, folder, between, "f16")
    wrong = []
    for kind in llama.QUANTIZE_TYPES:
        if kind in NEED or kind in ("f32", "f16", "bf16", "q8_0", "tq1_0", "tq2_0"):
            continue
        for path in (theirs, ours):
            if os.path.exists(path):
                os.remove(path)
        made = quantize(between, theirs, kind)
        done = sides.ggx(folder, ours, kind, "--via", "f16")
        if made != (done.returncode == 0):
            wrong.append(f"{kind}: llama.cpp {'quantizes' if made else 'refuses'}, ggx: {done.stderr.strip()}")
        elif made:
            with open(theirs, "rb") as a, open(ours, "rb") as b:
                if a.read() != b.read():
                    wrong.append(f"{kind} differs:\n{sides.explain(theirs, ours)}")
    return "\n".join(wrong) or None


tiny.WIDER = 4
sides.each(check, first_only=True)
