/* pickle.c - the machine of ggx_sdk/pickle.h: a stack, marks, a memo, and one row a opcode.
 *
 * Sources: CPython's pickletools (what each opcode does), PyTorch's torch/_weights_only_unpickler.py (which are needed). */
#include <ggx_sdk/error.h>
#include <ggx_sdk/pickle.h>

#define WINDOW 4096u
#define LINE_MAX_BYTES 1024u

typedef ggx_pickle_value value;

typedef struct machine {
    ggx_pickle *p;
    ggx_error *error;
    value **stack, **memo;
    uint64_t *marks; /* stack heights */
    uint64_t height, stack_room, memo_room, mark_count, mark_room, memo_next;
    uint64_t op_at; /* offset of the running opcode */
    const char *op_name;
    uint64_t begin, window, filled;
    uint8_t buffer[WINDOW];
    int32_t done;
} machine;

typedef struct opcode {
    uint8_t code;
    uint8_t arg; /* width of its argument or of the length before it; a plain number for tuples and constants */
    char name[19];
    ggx_status (*run)(machine *m, uint32_t arg);
} opcode;

/* ---- bytes ----------------------------------------------------------------------------------------------------------------- */

static GGX_PRINTF(3, 4) ggx_status refuse(const machine *m, ggx_status status, const char *format, ...)
{
    char text[200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return ggx_fail_at(m->error, status, m->p->member, m->p->base + m->op_at, "pickle: %s", text);
}

#ifdef __clang_analyzer__ /* as in ggx_sdk/error.h */
#define refuse(m, status, ...) (refuse((m), (status), __VA_ARGS__), (status))
#endif
static ggx_status no_memory(const machine *m)
{
    return refuse(m, GGX_E_NOMEM, "its values do not fit into this reader's memory");
}

static ggx_status take(machine *m, void *out, uint64_t size)
{
    ggx_pickle *p = m->p;
    uint8_t *to = out;
    if (size > p->end - p->at) return refuse(m, GGX_E_MALFORMED, "it ends inside %s; it is cut short", m->op_name);
    while (size) {
        if (p->at < m->window || p->at - m->window >= m->filled) {
            uint64_t n = p->end - p->at < WINDOW ? p->end - p->at : WINDOW;
            m->filled = 0;
            ggx_status status = p->read(p->context, p->at, m->buffer, n, m->error);
            if (status != GGX_OK) return status;
            m->window = p->at;
            m->filled = n;
        }
        uint64_t skip = p->at - m->window, n = m->filled - skip < size ? m->filled - skip : size;
        memcpy(to, m->buffer + skip, (size_t)n);
        to += n;
        p->at += n;
        size -= n;
    }
    return GGX_OK;
}

static ggx_status take_uint(machine *m, uint32_t width, uint64_t *out)
{
    uint8_t b[8] = {0};
    ggx_status status = take(m, b, width);
    *out = 0;
    for (uint32_t i = 0; i < width; i++) *out |= (uint64_t)b[i] << (8 * i);
    return status;
}

/* A text of `size` bytes, copied. */
static ggx_status take_text(machine *m, uint64_t size, ggx_str *out)
{
    if (size > m->p->end - m->p->at)
        return refuse(m, GGX_E_MALFORMED, "%s claims %llu bytes, more than are left", m->op_name,
                      (unsigned long long)size);
    char *copy = m->p->host->alloc(m->p->host, size);
    if (!copy) return no_memory(m);
    out->data = copy;
    out->size = size;
    return take(m, copy, size);
}

static ggx_status take_line(machine *m, ggx_str *out)
{
    char line[LINE_MAX_BYTES];
    uint64_t n = 0;
    for (;; n++) {
        if (n == sizeof line) return refuse(m, GGX_E_MALFORMED, "a line of %s is longer than 1024 bytes", m->op_name);
        ggx_status status = take(m, &line[n], 1);
        if (status != GGX_OK) return status;
        if (line[n] == '\n') break;
    }
    char *copy = m->p->host->alloc(m->p->host, n);
    if (!copy) return no_memory(m);
    memcpy(copy, line, (size_t)n);
    out->data = copy;
    out->size = n;
    return GGX_OK;
}

/* ---- stack ----------------------------------------------------------------------------------------------------------------- */

/* Room for one more item of `size` bytes behind `count`; the old list is left to the host. */
static void *grow(machine *m, void *list, uint64_t count, uint64_t *room, uint64_t size)
{
    if (count < *room) return list;
    uint64_t wider = *room ? *room * 2 : 16;
    void *copy = m->p->host->alloc(m->p->host, wider * size);
    if (!copy) return NULL;
    if (count) memcpy(copy, list, (size_t)(count * size));
    *room = wider;
    return copy;
}

static ggx_status push(machine *m, value *v)
{
    value **stack = grow(m, m->stack, m->height, &m->stack_room, sizeof *stack);
    if (!stack) return no_memory(m);
    m->stack = stack;
    m->stack[m->height++] = v;
    return GGX_OK;
}

static value *make(machine *m, uint32_t kind)
{
    value *v = m->p->host->alloc(m->p->host, sizeof *v);
    if (!v) return NULL;
    v->kind = kind;
    v->offset = m->op_at;
    return v;
}

static ggx_status push_new(machine *m, uint32_t kind, value **out)
{
    *out = make(m, kind);
    return *out ? push(m, *out) : no_memory(m);
}

/* The lowest height that may be popped to: what lies below the last mark belongs to it. */
static uint64_t floor_of(const machine *m)
{
    return m->mark_count ? m->marks[m->mark_count - 1] : 0;
}

static ggx_status pop(machine *m, value **out)
{
    if (m->height <= floor_of(m)) return refuse(m, GGX_E_MALFORMED, "%s finds nothing on the stack", m->op_name);
    *out = m->stack[--m->height];
    return GGX_OK;
}

static ggx_status top(machine *m, uint32_t kind, value **out)
{
    if (m->height <= floor_of(m) || m->stack[m->height - 1]->kind != kind)
        return refuse(m, GGX_E_MALFORMED, "%s does not find what it must change", m->op_name);
    *out = m->stack[m->height - 1];
    return GGX_OK;
}

/* Takes the last mark away; the values above it are stack[*from] to stack[height - 1]. */
static ggx_status unmark(machine *m, uint64_t *from)
{
    if (!m->mark_count) return refuse(m, GGX_E_MALFORMED, "%s finds no mark", m->op_name);
    *from = m->marks[--m->mark_count];
    return GGX_OK;
}

static ggx_status add_item(machine *m, value *to, value *item)
{
    uint64_t room = to->room;
    if (to->count >= UINT32_MAX / 2) return no_memory(m);
    value **items = grow(m, to->items, to->count, &room, sizeof *items);
    if (!items) return no_memory(m);
    to->items = items;
    to->room = (uint32_t)room;
    to->items[to->count++] = item;
    return GGX_OK;
}

/* A TUPLE (or other kind) of the top `count` values, which go. */
static ggx_status wrap(machine *m, uint32_t kind, uint64_t count)
{
    if (m->height - floor_of(m) < count)
        return refuse(m, GGX_E_MALFORMED, "%s finds too little on the stack", m->op_name);
    value *v = make(m, kind);
    if (!v) return no_memory(m);
    v->count = count;
    v->items = m->p->host->alloc(m->p->host, count * sizeof *v->items);
    if (!v->items) return no_memory(m);
    m->height -= count;
    for (uint64_t i = 0; i < count; i++) v->items[i] = m->stack[m->height + i];
    v->room = (uint32_t)count; /* the stack is far from 2^32 values */
    return push(m, v);
}

/* ---- opcodes --------------------------------------------------------------------------------------------------------------- */

static ggx_status run_proto(machine *m, uint32_t arg)
{
    uint64_t protocol = 0;
    ggx_status status = take_uint(m, arg, &protocol);
    if (status == GGX_OK && (protocol < 2 || protocol > 5))
        return refuse(m, GGX_E_UNSUPPORTED, "protocol %llu is not read; 2 to 5 are", (unsigned long long)protocol);
    return status;
}

static ggx_status run_frame(machine *m, uint32_t arg)
{
    uint64_t size = 0; /* frames only help who reads from a slow stream */
    return take_uint(m, arg, &size);
}

static ggx_status run_stop(machine *m, uint32_t arg)
{
    (void)arg;
    if (m->height != 1 || m->mark_count)
        return refuse(m, GGX_E_MALFORMED, "it ends with %llu values on the stack", (unsigned long long)m->height);
    m->done = 1;
    return GGX_OK;
}

static ggx_status run_mark(machine *m, uint32_t arg)
{
    (void)arg;
    uint64_t *marks = grow(m, m->marks, m->mark_count, &m->mark_room, sizeof *marks);
    if (!marks) return no_memory(m);
    m->marks = marks;
    m->marks[m->mark_count++] = m->height;
    return GGX_OK;
}

/* None, False, True: arg is 2, 0, 1. */
static ggx_status run_constant(machine *m, uint32_t arg)
{
    value *v = NULL;
    ggx_status status = push_new(m, arg == 2 ? GGX_PICKLE_NONE : GGX_PICKLE_BOOL, &v);
    if (status == GGX_OK) v->integer = arg & 1;
    return status;
}

static ggx_status run_int(machine *m, uint32_t arg)
{
    value *v = NULL;
    uint64_t bits = 0;
    ggx_status status = take_uint(m, arg, &bits);
    if (status == GGX_OK) status = push_new(m, GGX_PICKLE_INT, &v);
    if (status == GGX_OK) v->integer = arg == 4 ? (int64_t)(int32_t)(uint32_t)bits : (int64_t)bits;
    return status;
}

static ggx_status run_long(machine *m, uint32_t arg)
{
    value *v = NULL;
    uint64_t size = 0, bits = 0;
    ggx_str text = {NULL, 0};
    ggx_status status = take_uint(m, arg, &size);
    if (status == GGX_OK) status = take_text(m, size, &text);
    if (status == GGX_OK) status = push_new(m, size <= 8 ? GGX_PICKLE_INT : GGX_PICKLE_LONG, &v);
    if (status != GGX_OK) return status;
    if (size > 8) {
        v->text = text;
        return GGX_OK;
    }
    for (uint64_t i = 0; i < 8; i++) {
        uint8_t sign = size && (text.data[size - 1] & 0x80) ? 0xff : 0;
        bits |= (uint64_t)(i < size ? (uint8_t)text.data[i] : sign) << (8 * i);
    }
    memcpy(&v->integer, &bits, sizeof bits);
    return GGX_OK;
}

static ggx_status run_float(machine *m, uint32_t arg)
{
    value *v = NULL;
    uint8_t b[8];
    uint64_t bits = 0;
    ggx_status status = take(m, b, arg);
    if (status == GGX_OK) status = push_new(m, GGX_PICKLE_REAL, &v);
    if (status != GGX_OK) return status;
    for (uint32_t i = 0; i < 8; i++) bits = bits << 8 | b[i]; /* the one big-endian number of the format */
    memcpy(&v->real, &bits, sizeof bits);
    return GGX_OK;
}

static ggx_status run_text(machine *m, uint32_t arg)
{
    value *v = NULL;
    uint64_t size = 0;
    ggx_str text = {NULL, 0};
    ggx_status status = take_uint(m, arg, &size);
    if (status == GGX_OK) status = take_text(m, size, &text);
    if (status == GGX_OK) status = push_new(m, GGX_PICKLE_TEXT, &v);
    if (status == GGX_OK) v->text = text;
    return status;
}

/* EMPTY_TUPLE, EMPTY_LIST, EMPTY_DICT, EMPTY_SET: arg is the kind. */
static ggx_status run_empty(machine *m, uint32_t arg)
{
    value *v = NULL;
    return push_new(m, arg, &v);
}

static ggx_status run_tuple_of(machine *m, uint32_t arg)
{
    return wrap(m, GGX_PICKLE_TUPLE, arg);
}

/* TUPLE, FROZENSET: arg is the kind. */
static ggx_status run_collect(machine *m, uint32_t arg)
{
    uint64_t from = 0;
    ggx_status status = unmark(m, &from);
    return status == GGX_OK ? wrap(m, arg, m->height - from) : status;
}

/* APPEND, SETITEM: arg is how many values, 1 or 2. */
static ggx_status run_add(machine *m, uint32_t arg)
{
    value *to = NULL, *items[2] = {NULL, NULL};
    ggx_status status = GGX_OK;
    for (uint32_t i = arg; status == GGX_OK && i-- > 0;) status = pop(m, &items[i]);
    if (status == GGX_OK) status = top(m, arg == 2 ? GGX_PICKLE_DICT : GGX_PICKLE_LIST, &to);
    for (uint32_t i = 0; status == GGX_OK && i < arg; i++) status = add_item(m, to, items[i]);
    return status;
}

/* APPENDS, ADDITEMS, SETITEMS: arg is how many values belong together. */
static ggx_status run_add_all(machine *m, uint32_t arg)
{
    value *to = NULL;
    uint64_t from = 0, height = m->height;
    ggx_status status = unmark(m, &from);
    if (status != GGX_OK) return status;
    if ((height - from) % arg) return refuse(m, GGX_E_MALFORMED, "a key has no value");
    m->height = from;
    status = top(m, arg == 2 ? GGX_PICKLE_DICT : GGX_PICKLE_LIST, &to);
    for (uint64_t i = from; status == GGX_OK && i < height; i++) status = add_item(m, to, m->stack[i]);
    return status;
}

static ggx_status put(machine *m, uint64_t index)
{
    if (m->height <= floor_of(m)) return refuse(m, GGX_E_MALFORMED, "%s finds nothing on the stack", m->op_name);
    if (index >= m->p->end - m->begin)
        return refuse(m, GGX_E_MALFORMED, "memo number %llu, where picklers count from 0", (unsigned long long)index);
    while (index >= m->memo_room) {
        value **memo = grow(m, m->memo, m->memo_room, &m->memo_room, sizeof *memo);
        if (!memo) return no_memory(m);
        m->memo = memo;
    }
    m->memo[index] = m->stack[m->height - 1];
    if (index >= m->memo_next) m->memo_next = index + 1;
    return GGX_OK;
}

static ggx_status run_put(machine *m, uint32_t arg)
{
    uint64_t index = m->memo_next; /* MEMOIZE has no argument and counts on */
    ggx_status status = arg ? take_uint(m, arg, &index) : GGX_OK;
    return status == GGX_OK ? put(m, index) : status;
}

static ggx_status run_get(machine *m, uint32_t arg)
{
    uint64_t index = 0;
    ggx_status status = take_uint(m, arg, &index);
    if (status != GGX_OK) return status;
    if (index >= m->memo_room || !m->memo[index])
        return refuse(m, GGX_E_MALFORMED, "memo number %llu was never set", (unsigned long long)index);
    return push(m, m->memo[index]);
}

static ggx_status push_global(machine *m, ggx_str module, ggx_str name)
{
    value *v = NULL;
    int64_t role = m->p->role(m->p->context, module, name);
    if (role == GGX_PICKLE_ROLE_FORBIDDEN)
        return refuse(m, GGX_E_UNSUPPORTED,
                      "it refers to '%.*s.%.*s', which is not on the list of harmless names; nothing was run",
                      GGX_STR_ARGS(module), GGX_STR_ARGS(name));
    ggx_status status = push_new(m, GGX_PICKLE_GLOBAL, &v);
    char *text = m->p->host->alloc(m->p->host, module.size + name.size + 1);
    if (status != GGX_OK || !text) return no_memory(m);
    memcpy(text, module.data, (size_t)module.size);
    text[module.size] = ' ';
    memcpy(text + module.size + 1, name.data, (size_t)name.size);
    v->text.data = text;
    v->text.size = module.size + name.size + 1;
    v->role = role;
    return GGX_OK;
}

static ggx_status run_global(machine *m, uint32_t arg)
{
    ggx_str module, name;
    (void)arg;
    ggx_status status = take_line(m, &module);
    if (status == GGX_OK) status = take_line(m, &name);
    return status == GGX_OK ? push_global(m, module, name) : status;
}

static ggx_status run_stack_global(machine *m, uint32_t arg)
{
    value *module = NULL, *name = NULL;
    (void)arg;
    ggx_status status = pop(m, &name);
    if (status == GGX_OK) status = pop(m, &module);
    if (status != GGX_OK) return status;
    if (module->kind != GGX_PICKLE_TEXT || name->kind != GGX_PICKLE_TEXT)
        return refuse(m, GGX_E_MALFORMED, "a global's name is no text");
    return push_global(m, module->text, name->text);
}

static ggx_status run_persid(machine *m, uint32_t arg)
{
    return wrap(m, GGX_PICKLE_PERSID, arg);
}

/* OrderedDict([(k, v), …]) and set([…]) take their items as an argument; anything else in the arguments says nothing. */
static ggx_status fill_from(machine *m, value *to, const value *args)
{
    const value *list = args->count ? args->items[args->count - 1] : NULL;
    ggx_status status = GGX_OK;
    if (!list || (list->kind != GGX_PICKLE_LIST && list->kind != GGX_PICKLE_TUPLE)) return GGX_OK;
    for (uint64_t i = 0; status == GGX_OK && i < list->count; i++) {
        value *item = list->items[i];
        int pair = (item->kind == GGX_PICKLE_LIST || item->kind == GGX_PICKLE_TUPLE) && item->count == 2;
        if (to->kind == GGX_PICKLE_DICT && !pair)
            return refuse(m, GGX_E_MALFORMED, "a dict is made of what are no pairs");
        status = add_item(m, to, to->kind == GGX_PICKLE_DICT ? item->items[0] : item);
        if (status == GGX_OK && to->kind == GGX_PICKLE_DICT) status = add_item(m, to, item->items[1]);
    }
    return status;
}

/* PyTorch before 1.6 wrote a module's class as the persistent id ('module', class, file, source), before 0.1.10 without the first word. */
static value *class_of(value *v)
{
    const value *id = v->kind == GGX_PICKLE_PERSID ? v->items[0] : NULL;
    if (!id || id->kind != GGX_PICKLE_TUPLE || !id->count) return v;
    if (id->count > 1 && ggx_pickle_is(id->items[0], "module")) return id->items[1];
    return id->items[0]->kind == GGX_PICKLE_GLOBAL ? id->items[0] : v;
}

/* REDUCE and NEWOBJ: a global and a tuple of arguments become what the global's role says. */
static ggx_status run_call(machine *m, uint32_t arg)
{
    value *args = NULL, *global = NULL, *v = NULL;
    (void)arg;
    ggx_status status = pop(m, &args);
    if (status == GGX_OK) status = pop(m, &global);
    if (status != GGX_OK) return status;
    global = class_of(global);
    if (global->kind != GGX_PICKLE_GLOBAL || args->kind != GGX_PICKLE_TUPLE)
        return refuse(m, GGX_E_MALFORMED, "%s calls what is no global, or without arguments", m->op_name);
    if (global->role == GGX_PICKLE_ROLE_DICT || global->role == GGX_PICKLE_ROLE_LIST) {
        status = push_new(m, global->role == GGX_PICKLE_ROLE_DICT ? GGX_PICKLE_DICT : GGX_PICKLE_LIST, &v);
        return status == GGX_OK ? fill_from(m, v, args) : status;
    }
    status = push_new(m, GGX_PICKLE_CALL, &v);
    if (status != GGX_OK) return status;
    v->items = m->p->host->alloc(m->p->host, 3 * sizeof *v->items);
    if (!v->items) return no_memory(m);
    v->count = 3;
    v->items[0] = global;
    v->items[1] = args;
    return GGX_OK;
}

/* BUILD: the state of an object is kept; that of a dict (OrderedDict's _metadata) and of others says nothing about their items. */
static ggx_status run_build(machine *m, uint32_t arg)
{
    value *state = NULL;
    (void)arg;
    ggx_status status = pop(m, &state);
    if (status != GGX_OK) return status;
    if (m->height <= floor_of(m)) return refuse(m, GGX_E_MALFORMED, "%s finds nothing on the stack", m->op_name);
    value *object = m->stack[m->height - 1];
    if (object->kind == GGX_PICKLE_CALL) {
        object->items[2] = state;
        return GGX_OK;
    }
    return object->kind == GGX_PICKLE_DICT || object->kind == GGX_PICKLE_LIST
               ? GGX_OK
               : refuse(m, GGX_E_MALFORMED, "BUILD finds what has no state");
}

static const opcode opcodes[] = {
    {0x80, 1, "PROTO", run_proto},
    {'.', 0, "STOP", run_stop},
    {'(', 0, "MARK", run_mark},
    {'N', 2, "NONE", run_constant},
    {0x89, 0, "NEWFALSE", run_constant},
    {0x88, 1, "NEWTRUE", run_constant},
    {'J', 4, "BININT", run_int},
    {'K', 1, "BININT1", run_int},
    {'M', 2, "BININT2", run_int},
    {0x8a, 1, "LONG1", run_long},
    {0x8b, 4, "LONG4", run_long},
    {'G', 8, "BINFLOAT", run_float},
    {'U', 1, "SHORT_BINSTRING", run_text},
    {'T', 4, "BINSTRING", run_text},
    {'X', 4, "BINUNICODE", run_text},
    {0x8c, 1, "SHORT_BINUNICODE", run_text},
    {0x8d, 8, "BINUNICODE8", run_text},
    {'B', 4, "BINBYTES", run_text},
    {'C', 1, "SHORT_BINBYTES", run_text},
    {0x8e, 8, "BINBYTES8", run_text},
    {')', GGX_PICKLE_TUPLE, "EMPTY_TUPLE", run_empty},
    {']', GGX_PICKLE_LIST, "EMPTY_LIST", run_empty},
    {'}', GGX_PICKLE_DICT, "EMPTY_DICT", run_empty},
    {0x8f, GGX_PICKLE_LIST, "EMPTY_SET", run_empty},
    {0x85, 1, "TUPLE1", run_tuple_of},
    {0x86, 2, "TUPLE2", run_tuple_of},
    {0x87, 3, "TUPLE3", run_tuple_of},
    {'t', GGX_PICKLE_TUPLE, "TUPLE", run_collect},
    {0x91, GGX_PICKLE_LIST, "FROZENSET", run_collect},
    {'a', 1, "APPEND", run_add},
    {'s', 2, "SETITEM", run_add},
    {'e', 1, "APPENDS", run_add_all},
    {0x90, 1, "ADDITEMS", run_add_all},
    {'u', 2, "SETITEMS", run_add_all},
    {'q', 1, "BINPUT", run_put},
    {'r', 4, "LONG_BINPUT", run_put},
    {0x94, 0, "MEMOIZE", run_put},
    {'h', 1, "BINGET", run_get},
    {'j', 4, "LONG_BINGET", run_get},
    {'c', 0, "GLOBAL", run_global},
    {0x93, 0, "STACK_GLOBAL", run_stack_global},
    {'Q', 1, "BINPERSID", run_persid},
    {'R', 0, "REDUCE", run_call},
    {0x81, 0, "NEWOBJ", run_call},
    {'b', 0, "BUILD", run_build},
    {0x95, 8, "FRAME", run_frame},
};

static const opcode *find_opcode(uint8_t code)
{
    for (size_t i = 0; i < sizeof opcodes / sizeof opcodes[0]; i++)
        if (opcodes[i].code == code) return &opcodes[i];
    return NULL;
}

ggx_status ggx_pickle_load(ggx_pickle *pickle, ggx_pickle_value **out, ggx_error *error)
{
    const opcode *table[256] = {NULL};
    machine m;
    memset(&m, 0, offsetof(machine, buffer));
    m.p = pickle;
    m.error = error;
    m.begin = pickle->at;
    m.done = 0;
    for (uint32_t i = 0; i < 256; i++) table[i] = find_opcode((uint8_t)i);
    for (uint64_t n = 1; !m.done; n++) {
        uint8_t code = 0;
        m.op_at = pickle->at;
        m.op_name = "an opcode";
        ggx_status status = take(&m, &code, 1);
        if (status != GGX_OK) return status;
        if (n == 1 && code != 0x80)
            return refuse(&m, GGX_E_MALFORMED, "it does not begin with PROTO, as pickles of protocol 2 and above do");
        if (!table[code])
            return refuse(&m, GGX_E_UNSUPPORTED, "opcode 0x%02x is none that weights are saved with", code);
        m.op_name = table[code]->name;
        status = table[code]->run(&m, table[code]->arg);
        if (status != GGX_OK) return status;
        if (n % 65536 == 0 && pickle->host->canceled(pickle->host))
            return refuse(&m, GGX_E_CANCELED, "stopped while it was read");
    }
    *out = m.stack[0];
    return GGX_OK;
}

int ggx_pickle_is(const ggx_pickle_value *v, const char *text)
{
    return v && v->kind == GGX_PICKLE_TEXT && v->text.size == strlen(text) && !memcmp(v->text.data, text, strlen(text));
}

ggx_pickle_value *ggx_pickle_get(const ggx_pickle_value *dict, const char *key)
{
    if (!dict || dict->kind != GGX_PICKLE_DICT) return NULL;
    for (uint64_t i = dict->count; i >= 2; i -= 2)
        if (ggx_pickle_is(dict->items[i - 2], key)) return dict->items[i - 1];
    return NULL;
}
