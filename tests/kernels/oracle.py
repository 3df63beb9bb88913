#!/usr/bin/env python3
"""Every kernel of every quant and kernels plugin in the build against ggml's reference quantizer.

The reference is libggml-base.so of npm's @node-llama-cpp/linux-x64 3.22.1 (ggml 0.25.1, plain x86-64), found under $GGX_ORACLES.
Needs nothing but the standard library. What is promised:

  quantize    the bytes of ggml_quantize_chunk for every finite row, also where that code leaves the C standard, and in plain float
              types for every row; rows with infinities decode to the same floats; rows with NaN give deterministic bytes; nothing
              is written outside the output
  dequantize  the floats of the reference, bit for bit, for any bytes; which NaN a NaN is does not count
  digests.txt what test_kernels checks without the reference (finite fills: made from the reference, checked here again)
  cases       the hashes of $GGX_CASES/golden/11-kernels

usage: oracle.py [--types a,b] [--blocks N] [--write]     --write makes digests.txt anew: finite fills from the reference"""
import argparse, ctypes as c, glob, hashlib, json, mmap, os, resource, struct, sys

HERE = os.path.dirname(os.path.abspath(__file__))
DIGESTS = os.path.join(HERE, "digests.txt")
SEED, ROWS, COLS = 7, 3, 768  # of the digests; test_kernels.c has the same
GUARD = 64
FLAG_WHOLE_ROW, FLAG_FLOAT = 2, 4
IMATRIX_NONE, IMATRIX_USES, IMATRIX_NEEDS = 0, 1, 2

u8p, f32p = c.POINTER(c.c_uint8), c.POINTER(c.c_float)


class Kernels(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("rank", c.c_int32), ("type", c.c_char_p), ("cpu", c.POINTER(c.c_char_p)),
                ("quantize", c.CFUNCTYPE(None, c.c_void_p, c.c_void_p, c.c_uint64, c.c_uint64, c.c_void_p, c.c_void_p)),
                ("dequantize", c.CFUNCTYPE(None, c.c_void_p, c.c_void_p, c.c_uint64))]


class Type(c.Structure):
    _fields_ = [("name", c.c_char * 16), ("block_elems", c.c_uint32), ("block_bytes", c.c_uint32)]


class Quant(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("flags", c.c_uint32), ("type", Type), ("type_code", c.c_int32),
                ("file_type", c.c_int32), ("legacy_file_type", c.c_int32), ("imatrix", c.c_uint32),
                ("fallback", c.POINTER(c.c_char_p)), ("kernels", c.POINTER(Kernels)),
                ("scratch", c.CFUNCTYPE(c.c_uint64, c.c_uint64))]


class Provide(c.Structure):
    _fields_ = [("id", c.c_char_p), ("vtable", c.c_void_p)]


class Plugin(c.Structure):
    _fields_ = [("struct_size", c.c_uint32), ("provide_count", c.c_uint32), ("id", c.c_char_p), ("version", c.c_char_p),
                ("license", c.c_char_p), ("provides", c.POINTER(Provide))]


class Traits(c.Structure):
    _fields_ = [("type_name", c.c_char_p), ("blck_size", c.c_int64), ("blck_size_interleave", c.c_int64),
                ("type_size", c.c_size_t), ("is_quantized", c.c_bool),
                ("to_float", c.CFUNCTYPE(None, c.c_void_p, c.c_void_p, c.c_int64)), ("from_float_ref", c.c_void_p)]


def leave(text):
    print(text)
    sys.exit(1 if os.environ.get("CI") else 77)


def find_one(pattern, what):
    found = sorted(glob.glob(pattern, recursive=True))
    if not found:
        leave(f"{what} is missing: nothing matches {pattern}")
    return found[0]


def load_fills():
    lib = c.CDLL(find_one(os.path.join(os.environ["GGX_BUILD"], "tests", "kernels_fills.so"), "the library of inputs"))
    lib.fill_name.restype = c.c_char_p
    lib.fill_floats.argtypes = [c.c_uint32, c.c_uint64, c.c_void_p, c.c_uint64]
    lib.fill_imatrix.argtypes = [c.c_uint32, c.c_uint64, c.c_void_p, c.c_uint64]
    lib.fill_bytes.argtypes = [c.c_uint64, c.c_void_p, c.c_uint64]
    lib.digest_bytes.argtypes = lib.digest_floats.argtypes = [c.c_void_p, c.c_uint64]
    lib.digest_bytes.restype = lib.digest_floats.restype = c.c_uint64
    lib.count_differences.argtypes = [c.c_void_p, c.c_void_p, c.c_uint64, c.c_uint64, c.c_void_p, c.c_uint64, c.c_void_p]
    lib.count_float_differences.argtypes = [c.c_void_p, c.c_void_p, c.c_uint64, c.c_int]
    lib.count_differences.restype = lib.count_float_differences.restype = c.c_uint64
    lib.guard_is_whole.argtypes = lib.has_nonfinite.argtypes = [c.c_void_p, c.c_uint64]
    return lib


def load_reference():
    lib = c.CDLL(find_one(os.path.join(os.environ.get("GGX_ORACLES", ""), "**", "linux-x64", "libggml-base.so"),
                          "the reference, npm @node-llama-cpp/linux-x64 3.22.1 under $GGX_ORACLES,"))
    lib.ggml_get_type_traits.restype = c.POINTER(Traits)
    lib.ggml_quantize_chunk.argtypes = [c.c_int, c.c_void_p, c.c_void_p, c.c_int64, c.c_int64, c.c_int64, c.c_void_p]
    lib.ggml_quantize_chunk.restype = c.c_size_t
    lib.ggml_version.restype = c.c_char_p
    os.environ["GGML_NO_BACKTRACE"] = "1"  # of its aborts
    version = lib.ggml_version().decode()
    if not version.startswith("0.25.1"):
        leave(f"the reference is ggml {version}; the bytes are pinned to 0.25.1")
    return lib


def decode_e4m3(b):
    """OCP OFP8 E4M3 from its definition: bias 7, no infinities."""
    sign, exponent, mantissa = -1.0 if b & 128 else 1.0, b >> 3 & 15, b & 7
    if b & 127 == 127:
        return float("nan")
    return sign * (mantissa * 2.0**-9 if exponent == 0 else (8 + mantissa) * 2.0**(exponent - 10))


# Types that ggml does not have: how one element is written (None: only read), and read.
OTHERS = {
    "f64": (lambda x: struct.pack("<d", x), lambda b: struct.unpack("<d", b)[0]),
    "f8_e4m3": (None, lambda b: decode_e4m3(b[0])),
    "f8_e5m2": (None, lambda b: struct.unpack("<e", bytes([0, b[0]]))[0]),
    "f8_e8m0": (None, lambda b: float("nan") if b[0] == 255 else 2.0**(b[0] - 127)),
}


class Kernel:
    """One kernel with what its type's ggx_quant says, called with guards around the output."""

    def __init__(self, plugin, quant, kernels):
        self.plugin, self.quant, self.kernels = plugin, quant, kernels
        self.name = quant.type.name.decode()
        self.elems, self.bytes, self.code = quant.type.block_elems, quant.type.block_bytes, quant.type_code

    def quantize(self, fills, x, rows, cols, imatrix):
        size = rows * cols // self.elems * self.bytes
        out = (c.c_uint8 * (size + 2 * GUARD))()
        c.memset(out, 0xA5, len(out))
        need = self.quant.scratch(cols) if self.quant.scratch else 0
        room = (c.c_uint8 * (need + 64 + GUARD))()
        c.memset(room, 0xA5, len(room))
        at = -c.addressof(room) % 64
        c.memset(c.addressof(room) + at, 0, 64)
        base = c.addressof(out) + GUARD
        self.kernels.quantize(x, base, rows, cols, imatrix, c.addressof(room) + at if need else None)
        if not fills.guard_is_whole(out, GUARD) or not fills.guard_is_whole(base + size, GUARD):
            raise AssertionError(f"{self}: wrote outside its output")
        if need and not fills.guard_is_whole(c.addressof(room) + at + need, GUARD):
            raise AssertionError(f"{self}: wrote outside its scratch")
        return (c.c_uint8 * size).from_buffer_copy(out, GUARD)

    def dequantize(self, fills, blocks, elems):
        size = len(blocks)
        data = (c.c_uint8 * (size + 1))()  # at an odd address: `in` need not be aligned
        c.memmove(c.addressof(data) + 1, blocks, size)
        out = (c.c_uint8 * (elems * 4 + 2 * GUARD))()
        c.memset(out, 0xA5, len(out))
        base = c.addressof(out) + GUARD
        self.kernels.dequantize(c.addressof(data) + 1, base, elems)
        if not fills.guard_is_whole(out, GUARD) or not fills.guard_is_whole(base + elems * 4, GUARD):
            raise AssertionError(f"{self}: wrote outside its output")
        return (c.c_float * elems).from_buffer_copy(out, GUARD)

    def __str__(self):
        return f"{self.plugin} {self.name}"


def load_kernels(folder):
    """All kernels of the build, and their plugins' handles kept open."""
    with open("/proc/cpuinfo") as f:
        cpu = next((set(line.split(":")[1].split()) for line in f if line.startswith(("flags", "Features"))), set())
    quants, found, extra = {}, [], []
    for path in sorted(glob.glob(os.path.join(folder, "ggx-quant-*.so")) + glob.glob(os.path.join(folder, "ggx-kernels-*.so"))):
        plugin = Plugin.in_dll(c.CDLL(path), "ggx_plugin_1")
        for provide in plugin.provides[:plugin.provide_count]:
            if provide.id == b"ggx.quant.draft/1":
                quant = c.cast(provide.vtable, c.POINTER(Quant)).contents
                quants[quant.type.name] = quant
                found.append(Kernel(plugin.id.decode(), quant, quant.kernels.contents))
            elif provide.id == b"ggx.kernels.draft/1":
                kernels = c.cast(provide.vtable, c.POINTER(Kernels)).contents
                need, i = set(), 0
                while kernels.cpu and kernels.cpu[i]:
                    need.add({b"neon": "asimd"}.get(kernels.cpu[i], kernels.cpu[i].decode()))
                    i += 1
                if need <= cpu:
                    extra.append((plugin.id.decode(), kernels))
                else:
                    print(f"{plugin.id.decode()} {kernels.type.decode()}: not run here, the CPU lacks {' '.join(sorted(need - cpu))}")
    return found + [Kernel(name, quants[k.type], k) for name, k in extra if k.type in quants]


class Bench:
    def __init__(self, fills, reference):
        self.fills, self.reference, self.failures = fills, reference, []
        self.input = self.expected = None
        self.fill_names = []
        while (name := fills.fill_name(len(self.fill_names))):
            self.fill_names.append(name.decode())

    def fail(self, text):
        print("FAIL", text)
        self.failures.append(text)

    def floats(self, fill, seed, n):
        out = (c.c_float * n)()
        self.fills.fill_floats(fill, seed, out, n)
        return out

    def imatrix(self, kind, seed, cols):
        if not kind:
            return None
        out = (c.c_float * cols)()
        self.fills.fill_imatrix(kind, seed, out, cols)
        return out

    def reference_blocks(self, kernel, x, rows, cols, imatrix):
        out = (c.c_uint8 * (rows * cols // kernel.elems * kernel.bytes))()
        if kernel.name in OTHERS:
            out[:] = b"".join(OTHERS[kernel.name][0](v) for v in x)
        elif kernel.name.startswith("iq"):
            return self.forked_blocks(kernel, x, rows, cols, imatrix, len(out))
        elif self.reference.ggml_quantize_chunk(kernel.code, x, out, 0, rows, cols, imatrix) != len(out):
            raise AssertionError(f"{kernel}: the reference's size differs")
        return out

    def forked_blocks(self, kernel, x, rows, cols, imatrix, size):
        """The same in a process of its own: of NaN and overflow, the reference's grid searches end in abort(). None then."""
        shared = mmap.mmap(-1, size)
        out = (c.c_uint8 * size).from_buffer(shared)
        self.reference.ggml_quantize_init(kernel.code)  # the grid's tables once, not in every child
        child = os.fork()
        if child == 0:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1), os.dup2(null, 2)
            os._exit(self.reference.ggml_quantize_chunk(kernel.code, x, out, 0, rows, cols, imatrix) != size)
        if os.waitpid(child, 0)[1] != 0:
            return None
        return (c.c_uint8 * size).from_buffer_copy(out)

    def reference_floats(self, kernel, blocks, elems):
        if kernel.name in OTHERS:  # ctypes rounds to float as C does, to infinity where a double is too large
            size, read = kernel.bytes, OTHERS[kernel.name][1]
            return (c.c_float * elems)(*(read(bytes(blocks[i * size:i * size + size])) for i in range(elems)))
        out = (c.c_float * elems)()
        self.reference.ggml_get_type_traits(kernel.code).contents.to_float(blocks, out, elems)
        return out

    def has_reference(self, kernel):
        return kernel.name in OTHERS or kernel.code >= 0

    def check_quantize(self, kernel, fill, kind, seed, rows, cols):
        """One input through both; the number of blocks compared."""
        if self.input != (kernel.name, fill, kind, seed, rows, cols):  # the kernels of a type share the reference's work
            x, imatrix = self.floats(fill, seed, rows * cols), self.imatrix(kind, seed, cols)
            self.expected = x, imatrix, self.reference_blocks(kernel, x, rows, cols, imatrix)
            self.input = (kernel.name, fill, kind, seed, rows, cols)
        x, imatrix, theirs = self.expected
        mine = kernel.quantize(self.fills, x, rows, cols, imatrix)
        if theirs is None:
            return self.check_where_it_lives(kernel, fill, x, imatrix, mine, rows, cols)
        group = cols if kind and kernel.quant.flags & FLAG_WHOLE_ROW else kernel.elems
        size, apart = group // kernel.elems * kernel.bytes, c.c_uint64()
        loose = None if kernel.quant.flags & FLAG_FLOAT else x
        different = self.fills.count_differences(mine, theirs, rows * cols // group, size, loose, group, c.byref(apart))
        if different:
            self.fail(f"{kernel}: {self.fill_names[fill]}, imatrix {kind}, seed {seed}, {rows}x{cols}: {different} of "
                      f"{rows * cols // group} {'rows' if group != kernel.elems else 'blocks'} differ")
        if apart.value:
            again = kernel.quantize(self.fills, x, rows, cols, imatrix)
            if bytes(again) != bytes(mine):
                self.fail(f"{kernel}: {self.fill_names[fill]}: the same input gave two results")
            kernel.apart += apart.value
            a, b = (self.reference_floats(kernel, blocks, rows * cols) for blocks in (mine, theirs))
            if self.fill_names[fill] == "infinite" and self.fills.count_float_differences(a, b, rows * cols, 1):
                self.fail(f"{kernel}: infinite, imatrix {kind}, seed {seed}, {rows}x{cols}: decodes to other floats")
        self.check_dequantize(kernel, theirs, rows * cols, f"blocks of {self.fill_names[fill]}")
        return rows * cols // kernel.elems

    def check_where_it_lives(self, kernel, fill, x, imatrix, mine, rows, cols):
        """The reference gave up on the whole: block by block, those that it survives. The number of them."""
        size, lived = kernel.bytes, 0
        if bytes(kernel.quantize(self.fills, x, rows, cols, imatrix)) != bytes(mine):
            self.fail(f"{kernel}: {self.fill_names[fill]}: the same input gave two results")
        for block in range(min(rows * cols // kernel.elems, 50)):
            part = (c.c_float * kernel.elems).from_buffer_copy(x, block * kernel.elems * 4)
            at = block * kernel.elems % cols * 4
            weights = imatrix and (c.c_float * kernel.elems).from_buffer_copy(imatrix, at)
            theirs = self.reference_blocks(kernel, part, 1, kernel.elems, weights)
            if theirs is None:
                kernel.died += 1
                continue
            lived += 1
            if bytes(theirs) != bytes(mine[block * size:block * size + size]):
                if self.fills.has_nonfinite(part, kernel.elems):
                    kernel.apart += 1
                else:
                    self.fail(f"{kernel}: {self.fill_names[fill]}, {rows}x{cols}: block {block} differs")
        return lived

    def check_dequantize(self, kernel, blocks, elems, what):
        if not kernel.kernels.dequantize:
            return
        mine, theirs = kernel.dequantize(self.fills, blocks, elems), self.reference_floats(kernel, blocks, elems)
        different = self.fills.count_float_differences(mine, theirs, elems, 1)
        if different:
            self.fail(f"{kernel}: dequantize, {what}: {different} of {elems} floats differ")

    def kinds(self, kernel):
        return {IMATRIX_NONE: [0], IMATRIX_USES: [0, 1, 2], IMATRIX_NEEDS: [1, 2]}[kernel.quant.imatrix]

    def inputs(self, kernel, wanted):
        """(imatrix, fill, seed, rows, columns) of about `wanted` blocks, at most 4 Mi elements at a time."""
        fills, kinds, wide = range(len(self.fill_names)), self.kinds(kernel), max(8, 256 // kernel.elems)
        for kind in kinds:
            for fill in fills:
                for seed, (rows, blocks) in enumerate([(1, 1), (3, 5), (5, 2), (1, 9)]):
                    yield kind, fill, seed, rows, blocks * kernel.elems
                left, seed = max(wanted // len(fills) // len(kinds), 1), 99
                while left > 0:
                    rows = min((left + wide - 1) // wide, (4 << 20) // (wide * kernel.elems)) | 1
                    yield kind, fill, seed, rows, wide * kernel.elems
                    left, seed = left - rows * wide, seed + 1

    def check_kernels(self, kernels, wanted):
        """All kernels of one type, portable C first."""
        for kernel in kernels:
            kernel.done = kernel.apart = kernel.died = 0
        able = [k for k in kernels if k.kernels.quantize]
        for kind, fill, seed, rows, cols in self.inputs(kernels[0], wanted) if able else ():
            for kernel in able:
                kernel.done += self.check_quantize(kernel, fill, kind, seed, rows, cols)
        self.input = self.expected = None
        for kernel in kernels:
            n = 65536 if kernel.elems == 1 else 999
            data = (c.c_uint8 * (n * kernel.bytes))()
            self.fills.fill_bytes(5, data, len(data))
            if kernel.bytes <= 2 and kernel.elems == 1:  # all there are
                data[:] = b"".join(i.to_bytes(2, "little")[:kernel.bytes] for i in range(65536))
            self.check_dequantize(kernel, data, n * kernel.elems, "any bytes")
            print(f"{kernel}: {kernel.done} blocks; of those with NaN or infinities {kernel.apart} differ from the reference; "
                  f"{kernel.died} where the reference aborts", flush=True)

    def digested(self, kernel, fill, kind, from_reference):
        x, imatrix = self.floats(fill, SEED, ROWS * COLS), self.imatrix(kind, SEED, COLS)
        blocks = self.reference_blocks(kernel, x, ROWS, COLS, imatrix) if from_reference else None
        if blocks is not None:
            return blocks, self.reference_floats(kernel, blocks, ROWS * COLS)
        blocks = kernel.quantize(self.fills, x, ROWS, COLS, imatrix)
        return blocks, kernel.dequantize(self.fills, blocks, ROWS * COLS)

    def digest_lines(self, kernel):
        if not kernel.kernels.quantize:
            blocks = (c.c_uint8 * (ROWS * COLS // kernel.elems * kernel.bytes))()
            self.fills.fill_bytes(SEED, blocks, len(blocks))
            floats = self.reference_floats(kernel, blocks, ROWS * COLS)
            yield self.digest_line(kernel, "bytes", 0, blocks, floats)
            return
        for kind in self.kinds(kernel):
            for fill, name in enumerate(self.fill_names):
                yield self.digest_line(kernel, name, kind, *self.digested(kernel, fill, kind, self.fills.fill_is_finite(fill)))

    def digest_line(self, kernel, name, kind, blocks, floats):
        a, b = self.fills.digest_bytes(blocks, len(blocks)), self.fills.digest_floats(floats, len(floats))
        return f"{kernel.name} {name} {kind} {a:016x} {b:016x}\n"

    def check_cases(self, kernels, folder):
        with open(os.path.join(folder, "hashes.json")) as f:
            cases = json.load(f)
        checked, missing = 0, set()
        rows, cols = cases["rows"], cases["cols"]

        def load(name):
            with open(os.path.join(folder, "inputs", name + ".f32"), "rb") as f:
                data = f.read()
            return (c.c_float * (len(data) // 4)).from_buffer_copy(data)

        for entry in cases["entries"]:
            if entry["type"] == "f32":  # passes through
                checked += hashlib.sha256(load(entry["dist"])).hexdigest() == entry["sha256"]
                continue
            same = [k for k in kernels if k.name == entry["type"].lower() and k.kernels.quantize]
            checked += bool(same)
            missing |= set() if same else {entry["type"]}
            for kernel in same:
                blocks = kernel.quantize(self.fills, load(entry["dist"]), rows, cols, load("imatrix") if entry["imatrix"] else None)
                floats = kernel.dequantize(self.fills, blocks, rows * cols) if kernel.kernels.dequantize else None
                what = f"{kernel}: golden 11-kernels {entry['dist']}, imatrix {entry['imatrix']}"
                if hashlib.sha256(blocks).hexdigest() != entry["sha256"]:
                    self.fail(f"{what}: other bytes")
                if floats and hashlib.sha256(floats).hexdigest() != entry["dequant_f32_sha256"]:
                    self.fail(f"{what}: other floats")
        print(f"golden 11-kernels: {checked} of {len(cases['entries'])} entries checked on every kernel of their types; no kernels: {missing or 'none'}")


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--types", default="")
    args.add_argument("--blocks", type=int, default=0)
    args.add_argument("--write", action="store_true")
    args = args.parse_args()
    if os.environ.get("GGX_SANITIZE"):
        print("a plain interpreter cannot load sanitized plugins; test_kernels covers them")
        sys.exit(77)
    fills, reference = load_fills(), load_reference()
    folder = os.path.dirname(find_one(os.path.join(os.environ["GGX_BUILD"], "**", "ggx", "ggx-quant-*.so"), "a quant plugin"))
    kernels = load_kernels(folder)
    if args.types:
        kernels = [k for k in kernels if k.name in args.types.split(",")]
    bench = Bench(fills, reference)
    portable = [k for k in kernels if k.kernels.rank == 0 and k.kernels.dequantize]
    if args.write:
        with open(DIGESTS, "w") as f:
            f.write(f"# type fill imatrix blocks floats: FNV-1a of {ROWS} rows of {COLS} from seed {SEED}; fills.h, oracle.py --write\n")
            f.writelines(line for k in portable for line in bench.digest_lines(k))
    for name in dict.fromkeys(k.name for k in kernels):
        same = [k for k in kernels if k.name == name]
        if not bench.has_reference(same[0]):
            bench.fail(f"{same[0]}: no reference is known for this type")
        else:  # the reference quantizes IQ types at a few megabytes a second
            slow = name.startswith("iq") and same[0].elems == 256
            bench.check_kernels(same, args.blocks or (16000 if slow else 52000))
    with open(DIGESTS) as f:
        known = set(f)
    for kernel in portable:
        for line in bench.digest_lines(kernel):
            if line not in known:
                bench.fail(f"digests.txt lacks or contradicts: {line.strip()}")
    cases = os.path.join(os.environ.get("GGX_CASES", ""), "golden", "11-kernels")
    if os.path.exists(os.path.join(cases, "hashes.json")):
        bench.check_cases(kernels, cases)
    elif os.environ.get("CI"):
        bench.fail("the reference cases are missing: set GGX_CASES")
    print(f"{len(bench.failures)} failures")
    sys.exit(1 if bench.failures else 0)


if __name__ == "__main__":
    main()
