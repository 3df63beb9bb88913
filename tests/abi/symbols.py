"""nm shows exactly one symbol in every plugin that was built, ggx_plugin_1; and none of them needs a library of ggx."""
import glob
import os
import re
import subprocess
import sys


def lines(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def main():
    plugins = sorted(glob.glob(os.path.join(sys.argv[1], "*.so")))
    faults = 0
    for plugin in plugins:
        name = os.path.basename(plugin)
        symbols = [line.split()[-2:] for line in lines("nm", "-D", "--defined-only", plugin)]
        if [s for _, s in symbols] != ["ggx_plugin_1"] or symbols[0][0] not in "DRB":
            faults += 1
            print("%s: found %s, expected the data symbol ggx_plugin_1 alone" % (name, symbols))
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]", "\n".join(lines("readelf", "-dW", plugin)))
        if any("ggx" in library for library in needed):
            faults += 1
            print("%s: needs %s" % (name, needed))
        if not os.path.exists(plugin[:-3] + ".json"):
            faults += 1
            print("%s: no manifest beside it" % name)
    print("%d plugins, %d faults" % (len(plugins), faults))
    if not plugins and not os.environ.get("CI"):
        print("no plugin was built")
        sys.exit(77)
    sys.exit(1 if faults or not plugins else 0)


main()
