/* names.c - the globals that may occur in a checkpoint. Everything else is refused by name.
 *
 * The list is that of PyTorch's weights-only unpickler (torch/_weights_only_unpickler.py, _get_allowed_globals), and besides: the classes of
 * torch.nn and TorchScript, whose objects are only looked into, and numpy's scalars, which training loops save. */
#include "pth.h"

#include <ctype.h>
#include <ggx_sdk/error.h>

/* Legacy storage classes exist once more under torch.cuda. */
static const pth_dtype dtypes[] = {
    {"float32", "FloatStorage", "f32", 4, 4, 1},
    {"float64", "DoubleStorage", "f64", 8, 8, 1},
    {"float16", "HalfStorage", "f16", 2, 2, 1},
    {"bfloat16", "BFloat16Storage", "bf16", 2, 2, 1},
    {"int64", "LongStorage", "i64", 8, 8, 1},
    {"int32", "IntStorage", "i32", 4, 4, 1},
    {"int16", "ShortStorage", "i16", 2, 2, 1},
    {"int8", "CharStorage", "i8", 1, 1, 1},
    {"uint8", "ByteStorage", "u8", 1, 1, 1},
    {"bool", "BoolStorage", "bool", 1, 1, 1},
    {"complex32", "", "c32", 4, 2, 1},
    {"complex64", "ComplexFloatStorage", "c64", 8, 4, 1},
    {"complex128", "ComplexDoubleStorage", "c128", 16, 8, 1},
    {"uint16", "", "u16", 2, 2, 1},
    {"uint32", "", "u32", 4, 4, 1},
    {"uint64", "", "u64", 8, 8, 1},
    {"float8_e4m3fn", "", "f8_e4m3", 1, 1, 1},
    {"float8_e5m2", "", "f8_e5m2", 1, 1, 1},
    {"float8_e4m3fnuz", "", "f8_e4m3fnuz", 1, 1, 1},
    {"float8_e5m2fnuz", "", "f8_e5m2fnuz", 1, 1, 1},
    {"float8_e8m0fnu", "", "f8_e8m0", 1, 1, 1},
    {"float4_e2m1fn_x2", "", "f4", 1, 1, 2},
};
#define DTYPES (sizeof dtypes / sizeof dtypes[0])

static const struct {
    const char *module, *name;
    int64_t role;
} names[] = {
    {"collections", "OrderedDict", GGX_PICKLE_ROLE_DICT},
    {"collections", "Counter", GGX_PICKLE_ROLE_DICT},
    {"collections", "defaultdict", GGX_PICKLE_ROLE_DICT},
    {"builtins", "set", GGX_PICKLE_ROLE_LIST},
    {"builtins", "frozenset", GGX_PICKLE_ROLE_LIST},
    {"__builtin__", "set", GGX_PICKLE_ROLE_LIST},
    {"builtins", "dict", GGX_PICKLE_ROLE_DICT},
    {"builtins", "list", GGX_PICKLE_ROLE_LIST},
    {"builtins", "int", PTH_ROLE_IGNORED},
    {"builtins", "complex", PTH_ROLE_IGNORED},
    {"builtins", "bytearray", PTH_ROLE_IGNORED},
    {"__builtin__", "complex", PTH_ROLE_IGNORED},
    {"_codecs", "encode", PTH_ROLE_IGNORED},
    {"argparse", "Namespace", PTH_ROLE_IGNORED},
    {"numpy.core.multiarray", "scalar", PTH_ROLE_IGNORED},
    {"numpy._core.multiarray", "scalar", PTH_ROLE_IGNORED},
    {"numpy", "dtype", PTH_ROLE_IGNORED},
    {"torch", "device", PTH_ROLE_IGNORED},
    {"torch", "strided", PTH_ROLE_IGNORED},
    {"torch", "Tensor", PTH_ROLE_IGNORED},
    {"torch", "per_tensor_affine", PTH_ROLE_IGNORED},
    {"torch", "per_tensor_symmetric", PTH_ROLE_IGNORED},
    {"torch", "per_channel_affine", PTH_ROLE_IGNORED},
    {"torch", "per_channel_symmetric", PTH_ROLE_IGNORED},
    {"torch", "per_channel_affine_float_qparams", PTH_ROLE_IGNORED},
    {"torch.storage", "TypedStorage", PTH_ROLE_IGNORED},
    {"torch.serialization", "_get_layout", PTH_ROLE_IGNORED},
    {"torch.jit._pickle", "build_intlist", PTH_ROLE_IGNORED},
    {"torch.jit._pickle", "build_doublelist", PTH_ROLE_IGNORED},
    {"torch.jit._pickle", "build_boollist", PTH_ROLE_IGNORED},
    {"torch.jit._pickle", "build_tensorlist", PTH_ROLE_FIRST},
    {"torch.jit._pickle", "restore_type_tag", PTH_ROLE_FIRST},
    {"torch", "Size", PTH_ROLE_SIZE},
    {"torch.storage", "UntypedStorage", PTH_ROLE_STORAGE},
    {"torch.storage", "_UntypedStorage", PTH_ROLE_STORAGE},
    {"torch", "UntypedStorage", PTH_ROLE_STORAGE},
    {"torch._utils", "_rebuild_tensor", PTH_ROLE_TENSOR},
    {"torch._utils", "_rebuild_tensor_v2", PTH_ROLE_TENSOR},
    {"torch._utils", "_rebuild_tensor_v3", PTH_ROLE_TENSOR_V3},
    {"torch._utils", "_rebuild_parameter", PTH_ROLE_FIRST},
    {"torch._utils", "_rebuild_parameter_with_state", PTH_ROLE_FIRST},
    {"torch._utils", "_rebuild_device_tensor_from_cpu_tensor", PTH_ROLE_FIRST},
    {"torch._tensor", "_rebuild_from_type_v2", PTH_ROLE_FROM_TYPE},
    {"torch.nn.parameter", "Parameter", PTH_ROLE_FIRST},
    {"torch.autograd.variable", "Variable", PTH_ROLE_FIRST},
    {"torch.nn.parameter", "Buffer", PTH_ROLE_FIRST},
    {"torch._utils", "_rebuild_qtensor", PTH_ROLE_UNREAD},
    {"torch._utils", "_rebuild_sparse_tensor", PTH_ROLE_UNREAD},
    {"torch._utils", "_rebuild_sparse_csr_tensor", PTH_ROLE_UNREAD},
    {"torch._utils", "_rebuild_nested_tensor", PTH_ROLE_UNREAD},
    {"torch._utils", "_rebuild_meta_tensor_no_storage", PTH_ROLE_UNREAD},
    {"torch._utils", "_rebuild_wrapper_subclass", PTH_ROLE_UNREAD},
    {"torch._utils", "_rebuild_device_tensor_from_numpy", PTH_ROLE_UNREAD},
    {"torch.nn.backends.thnn", "_get_thnn_function_backend", PTH_ROLE_IGNORED}, /* an attribute of modules before 1.3 */
};

/* Names that are data by how they are spelled: types and storages that no tensor read here has, and classes of tensors, which the allow-list
 * has for all devices and layouts. `end` follows any capital letters, small letters and digits. */
static const struct {
    const char *module, *begin, *end;
} families[] = {
    {"torch", "int", ""},           {"torch", "uint", ""},
    {"torch", "qint", ""},          {"torch", "quint", ""},
    {"torch", "bits", ""},          {"torch", "Q", "Storage"},
    {"torch", "", "Tensor"},        {"torch.cuda", "", "Tensor"},
    {"torch.sparse", "", "Tensor"}, {"torch.cuda.sparse", "", "Tensor"},
};

/* Classes by where they come from: of their objects only attributes are read. torchvision's are the ones that are saved whole most. */
static const char *const object_modules[] = {"__torch__",           "__torch__.",      "torch.nn.modules.",
                                             "torch.nn.quantized.", "torch.jit.",      "torch.nn.utils.",
                                             "torchvision.models.", "torchvision.ops."};

/* Functions that modules keep as attributes, TransformerEncoderLayer's activation for one: symbols, as all others. */
static const char *const function_modules[] = {"torch.nn.functional", "torch._C._nn"};

static int equals(ggx_str s, const char *text)
{
    return s.size == strlen(text) && !memcmp(s.data, text, (size_t)s.size);
}

static int is_of_family(ggx_str module, ggx_str name)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        size_t begin = strlen(families[i].begin), end = strlen(families[i].end);
        if (!equals(module, families[i].module) || name.size <= begin + end ||
            memcmp(name.data, families[i].begin, begin) != 0 ||
            memcmp(name.data + (name.size - end), families[i].end, end) != 0)
            continue;
        uint64_t at = begin;
        while (at < name.size - end && (isalnum((unsigned char)name.data[at]) || name.data[at] == '_')) at++;
        if (at == name.size - end) return 1;
    }
    return 0;
}

int64_t pth_name_role(void *context, ggx_str module, ggx_str name)
{
    (void)context;
    int torch = equals(module, "torch"), cuda = equals(module, "torch.cuda");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (equals(module, names[i].module) && equals(name, names[i].name)) return names[i].role;
    for (size_t i = 0; i < DTYPES; i++) {
        if (torch && equals(name, dtypes[i].torch)) return PTH_ROLE_DTYPE;
        if ((torch || cuda) && dtypes[i].storage[0] && equals(name, dtypes[i].storage)) return PTH_ROLE_STORAGE;
    }
    for (size_t i = 0; i < sizeof object_modules / sizeof object_modules[0]; i++) {
        size_t n = strlen(object_modules[i]);
        int open = object_modules[i][n - 1] == '.';
        if (open ? module.size > n && !memcmp(module.data, object_modules[i], n) : equals(module, object_modules[i]))
            return PTH_ROLE_OBJECT;
    }
    for (size_t i = 0; i < sizeof function_modules / sizeof function_modules[0]; i++)
        if (equals(module, function_modules[i])) return PTH_ROLE_IGNORED;
    if (is_of_family(module, name)) return PTH_ROLE_IGNORED;
    return GGX_PICKLE_ROLE_FORBIDDEN;
}

/* The part of "module name" behind the space. */
static ggx_str name_of(ggx_str global)
{
    const char *space = global.size ? memchr(global.data, ' ', (size_t)global.size) : NULL;
    uint64_t skip = space ? (uint64_t)(space - global.data) + 1 : 0;
    return (ggx_str){global.data + skip, global.size - skip};
}

const pth_dtype *pth_dtype_of_storage(ggx_str global)
{
    ggx_str name = name_of(global);
    for (size_t i = 0; i < DTYPES; i++)
        if (dtypes[i].storage[0] && equals(name, dtypes[i].storage)) return &dtypes[i];
    return NULL;
}

const pth_dtype *pth_dtype_of_global(ggx_str global)
{
    ggx_str name = name_of(global);
    for (size_t i = 0; i < DTYPES; i++)
        if (equals(name, dtypes[i].torch)) return &dtypes[i];
    return NULL;
}

int pth_storage_is_untyped(ggx_str global)
{
    return equals(name_of(global), "UntypedStorage") || equals(name_of(global), "_UntypedStorage");
}
