"""Promise: each family's models become the bytes that llama.cpp's converter writes, for f32, f16, bf16 and q8_0. Every file of models/ makes
one family's tiny models (VARIANTS: name → function of the folder), most through transformers' own classes.

live.py PART PARTS       every PARTS-th family, from PART on
live.py NAME…            these, with what differs key by key and tensor by tensor
"""
import sides

conversion = sides.converter()


def check(module, name, make, scratch):
    eager = {"eager": True} if name in getattr(module, "EAGER", ()) else {}  # where the converter's lazy tensors cannot (its --no-lazy)
    return sides.compare(conversion, sides.fresh(scratch, name, make), scratch, ("f32", "f16", "bf16", "q8_0"), **eager)


sides.each(check)
