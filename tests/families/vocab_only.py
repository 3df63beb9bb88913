"""Promise: --vocab-only writes what the converter writes with its --vocab-only: each family's header, whole, and no tensor."""
import sides

conversion = sides.converter()


def check(_, name, make, scratch):
    folder = sides.fresh(scratch, name, make)
    return sides.compare(conversion, folder, scratch, ("f16",), "--vocab-only", vocab_only=True)


sides.each(check, first_only=True)
