/* names.c - tables: TensorFlow's element types, and the names that its optimizers give to what is no weight. */
#include "tf.h"

#define FIELD_HALF 13
#define FIELD_INT 7
#define FIELD_FLOAT8 18

/* types.proto; which field of TensorProto (tensor.proto) holds which type. DT_FLOAT4_E2M1FN (33) is not among them: TensorFlow keeps one in
 * a byte, and ggx's type f4 means two. */
static const struct {
    uint8_t code;
    tf_dtype dtype;
} dtypes[] = {
    {1, {"float32", "f32", 4, 1, 0, 5, TF_PACK_32}},
    {2, {"float64", "f64", 8, 1, 0, 6, TF_PACK_64}},
    {3, {"int32", "i32", 4, 1, 0, FIELD_INT, TF_PACK_VARINT}},
    {4, {"uint8", "u8", 1, 1, 0, FIELD_INT, TF_PACK_VARINT}},
    {5, {"int16", "i16", 2, 1, 0, FIELD_INT, TF_PACK_VARINT}},
    {6, {"int8", "i8", 1, 1, 0, FIELD_INT, TF_PACK_VARINT}},
    {7, {"string", NULL, 0, 1, 0, 8, TF_PACK_BYTES}},
    {8, {"complex64", "c64", 8, 2, 0, 9, TF_PACK_32}},
    {9, {"int64", "i64", 8, 1, 0, 10, TF_PACK_VARINT}},
    {10, {"bool", "bool", 1, 1, 0, 11, TF_PACK_VARINT}},
    {11, {"qint8", "i8", 1, 1, 0, FIELD_INT, TF_PACK_VARINT}},
    {12, {"quint8", "u8", 1, 1, 0, FIELD_INT, TF_PACK_VARINT}},
    {13, {"qint32", "i32", 4, 1, 0, FIELD_INT, TF_PACK_VARINT}},
    {14, {"bfloat16", "bf16", 2, 1, 0, FIELD_HALF, TF_PACK_VARINT}},
    {15, {"qint16", "i16", 2, 1, 0, FIELD_INT, TF_PACK_VARINT}},
    {16, {"quint16", "u16", 2, 1, 0, FIELD_INT, TF_PACK_VARINT}},
    {17, {"uint16", "u16", 2, 1, 0, FIELD_INT, TF_PACK_VARINT}},
    {18, {"complex128", "c128", 16, 2, 0, 12, TF_PACK_64}},
    {19, {"float16", "f16", 2, 1, 0, FIELD_HALF, TF_PACK_VARINT}},
    {20, {"resource", NULL, 0, 1, 0, 14, TF_PACK_BYTES}},
    {21, {"variant", NULL, 0, 1, 0, 15, TF_PACK_BYTES}},
    {22, {"uint32", "u32", 4, 1, 0, 16, TF_PACK_VARINT}},
    {23, {"uint64", "u64", 8, 1, 0, 17, TF_PACK_VARINT}},
    {24, {"float8_e5m2", "f8_e5m2", 1, 1, 0, FIELD_FLOAT8, TF_PACK_BYTES}},
    {25, {"float8_e4m3fn", "f8_e4m3", 1, 1, 0, FIELD_FLOAT8, TF_PACK_BYTES}},
    {26, {"float8_e4m3fnuz", "f8_e4m3fnuz", 1, 1, 0, FIELD_FLOAT8, TF_PACK_BYTES}},
    {27, {"float8_e4m3b11fnuz", "f8_e4m3b11fnuz", 1, 1, 0, FIELD_FLOAT8, TF_PACK_BYTES}},
    {28, {"float8_e5m2fnuz", "f8_e5m2fnuz", 1, 1, 0, FIELD_FLOAT8, TF_PACK_BYTES}},
    {29, {"int4", "i8", 1, 1, 4, FIELD_INT, TF_PACK_VARINT}},
    {30, {"uint4", "u8", 1, 1, 0, FIELD_INT, TF_PACK_VARINT}},
    {31, {"int2", "i8", 1, 1, 2, FIELD_INT, TF_PACK_VARINT}},
    {32, {"uint2", "u8", 1, 1, 0, FIELD_INT, TF_PACK_VARINT}},
};

const tf_dtype *tf_dtype_find(uint64_t code)
{
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++)
        if (dtypes[i].code == code) return &dtypes[i].dtype;
    return NULL;
}

/* ---- names ------------------------------------------------------------------------------------------------------------------- */

static int same(const char *text, uint64_t size, const char *word)
{
    return strlen(word) == size && !memcmp(text, word, (size_t)size);
}

int tf_name_is(ggx_str name, const char *text)
{
    return same(name.data, name.size, text);
}

int tf_name_ends(ggx_str name, const char *end)
{
    size_t n = strlen(end);
    return name.size > n && !memcmp(name.data + (name.size - n), end, n);
}

static int begins(ggx_str name, const char *word)
{
    size_t n = strlen(word);
    return name.size >= n && !memcmp(name.data, word, n);
}

static int contains(ggx_str name, const char *word)
{
    size_t n = strlen(word);
    for (uint64_t i = 0; name.size >= n && i <= name.size - n; i++)
        if (!memcmp(name.data + i, word, n)) return 1;
    return 0;
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The name's last word without the "_1" that makes it unique. */
static ggx_str last_word(ggx_str name)
{
    uint64_t end = name.size, begin;
    while (end && is_digit(name.data[end - 1])) end--;
    if (end == name.size || !end || name.data[end - 1] != '_') end = name.size + 1;
    ggx_str word = {name.data, end - 1};
    for (begin = word.size; begin && word.data[begin - 1] != '/';) begin--;
    word.data += begin;
    word.size -= begin;
    return word;
}

/* V1's optimizers (tensorflow/python/training) name a slot after its variable and their class; BERT's, Adafactor's and others'
 * have words of their own. */
static const char *const slot_words[] = {
    "Adadelta", "Adagrad",      "AdagradDA",    "Adam",        "AdamW",       "AMSGrad",     "Ftrl",
    "LARS",     "LAMB",         "Momentum",     "RMSProp",     "adam_m",      "adam_v",      "lamb_m",
    "lamb_v",   "adafactor_vr", "adafactor_vc", "adafactor_v", "beta1_power", "beta2_power", "global_step",
};
static const char *const slot_ends[] = {"_slot_v", "_slot_vr", "_slot_vc", "_slot_m"};
/* In object-based checkpoints the path through the objects tells. */
static const char *const slot_parts[] = {"/.OPTIMIZER_SLOT/", "/_iterations/.ATTRIBUTES/",
                                         "/_learning_rate/.ATTRIBUTES/", "/keras_api/metrics/"};
static const char *const slot_beginnings[] = {"optimizer/", "keras_api/metrics/", "save_counter/.ATTRIBUTES/",
                                              "global_step/.ATTRIBUTES/"};

int tf_name_auxiliary(ggx_str name)
{
    ggx_str word = last_word(name);
    for (size_t i = 0; i < sizeof slot_words / sizeof slot_words[0]; i++)
        if (tf_name_is(word, slot_words[i])) return 1;
    for (size_t i = 0; i < sizeof slot_ends / sizeof slot_ends[0]; i++)
        if (tf_name_ends(name, slot_ends[i])) return 1;
    for (size_t i = 0; i < sizeof slot_parts / sizeof slot_parts[0]; i++)
        if (contains(name, slot_parts[i])) return 1;
    for (size_t i = 0; i < sizeof slot_beginnings / sizeof slot_beginnings[0]; i++)
        if (begins(name, slot_beginnings[i])) return 1;
    return 0;
}

uint64_t tf_name_shard(ggx_str name, uint32_t *shard, uint32_t *count)
{
    static const char pattern[] = "-00000-of-00000";
    const uint64_t n = sizeof pattern - 1;
    uint32_t numbers[2] = {0, 0};
    if (name.size <= n) return 0;
    const char *end = name.data + (name.size - n);
    for (uint64_t i = 0; i < n; i++) {
        if (pattern[i] != '0' ? end[i] != pattern[i] : !is_digit(end[i])) return 0;
        if (pattern[i] == '0') numbers[i > 6] = numbers[i > 6] * 10 + (uint32_t)(end[i] - '0');
    }
    *shard = numbers[0];
    *count = numbers[1];
    return n;
}

ggx_str tf_name_join(const tf_reader *r, ggx_str name, const char *end)
{
    size_t n = strlen(end);
    char *data = r->host->alloc(r->host, name.size + n);
    ggx_str joined = {data, name.size + n};
    if (!data) return (ggx_str){NULL, 0};
    if (name.size) memcpy(data, name.data, (size_t)name.size);
    memcpy(data + name.size, end, n);
    return joined;
}
