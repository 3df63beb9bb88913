"""Promise: the same bytes for any number of threads, any memory budget, and any order of parts."""
import itertools
import json
import os
import re
import tempfile

import flow

with tempfile.TemporaryDirectory() as folder:
    words = flow.make(folder)
    out = os.path.join(folder, "out.gguf")
    refused = flow.run(*words, "-o", out, "--memory", 1, code=2)
    minimum = re.search(r"at least --memory (\d+)", refused).group(1)
    plan = json.loads(flow.run("plan", "--json", *words, "-o", out, "--memory", minimum))
    flow.check(plan["tiles"] >= 100, f"only {plan['tiles']} tiles at the minimum")
    flow.check(plan["memory"]["worker"] <= int(minimum), "the minimum does not hold one worker")
    flow.run(*words, "-o", out, "--threads", 1)
    wanted = flow.digest(out)
    for threads, memory in itertools.product((1, 2, 7), (minimum, "4M", "64M", "1G")):
        os.remove(out)
        flow.run(*words, "-o", out, "--threads", threads, "--memory", memory)
        flow.check(flow.digest(out) == wanted, f"{threads} threads, {memory}: other bytes")
    for order in itertools.permutations(range(3)):
        os.remove(out)
        for at, part in enumerate(order):
            flow.check(not os.path.exists(out), "a part made the final file")
            flow.run(*words, "-o", out, "--memory", "1M", "--part", f"{part}/3")
            if at < 2:
                flow.check("not done yet" in flow.run("finish", out, code=3), "finish accepted missing parts")
        flow.run("finish", out)
        flow.check(flow.digest(out) == wanted, f"parts in order {order}: other bytes")
        flow.check(sorted(os.listdir(folder)) == ["model.safetensors", "out.gguf", "recipe.json"], "something was left behind")
    # Parts of two different plans never mix.
    os.remove(out)
    flow.run(*words, "-o", out, "--memory", "1M", "--part", "0/2")
    flow.check("other settings" in flow.run(*words, "-o", out, "--type", "q8_0", "--part", "1/2", code=2), "parts of two plans")
    # Bytes that another plan left behind never show through where this one leaves padding.
    for name in os.listdir(folder):
        if "ggx-journal" in name:
            os.remove(os.path.join(folder, name))
    with open(os.path.join(folder, ".out.gguf.ggx-part"), "wb") as f:
        f.write(b"\xff" * (plan["output_bytes"] + 100))
    flow.run(*words, "-o", out)
    flow.check(flow.digest(out) == wanted, "bytes of an unfinished file shone through")
print("ok")
