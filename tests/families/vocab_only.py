"""Promise: --vocab-only writes what the converter writes with its --vocab-only: each family's header, whole, and no tensor."""
import os

import sides

conversion = sides.converter()


def check(_, name, make, scratch):
    folder = sides.fresh(scratch, name, make)
    theirs, ours = os.path.join(scratch, "theirs.gguf"), os.path.join(scratch, "ours.gguf")
    for path in (theirs, ours):
        if os.path.exists(path):
            os.remove(path)
    try:
        sides.reference(conversion, folder, theirs, "f16", vocab_only=True)
    except Exception as error:  # a model that is no test
        return f"the converter: {type(error).__name__}: {error}"
    done = sides.ggx(folder, ours, "f16", "--vocab-only")
    if done.returncode:
        return f"exit {done.returncode}: {done.stderr.strip()}"
    with open(theirs, "rb") as a, open(ours, "rb") as b:
        return None if a.read() == b.read() else f"differs:\n{sides.explain(theirs, ours)}"


def unless(module, name, make, scratch):
    """Apertus' keys xielu.* come from its tensors, which the converter does not look at without them; they are in ours all the same."""
    return None if name == "apertus" else check(module, name, make, scratch)


sides.each(unless, first_only=True)
