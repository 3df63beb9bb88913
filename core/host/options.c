/* options.c - turns what the user wrote after -O into the values that a plugin declared. */
#include "base/text.h"
#include "host/instance.h"
#include "source/open.h"
#include <ggx_sdk/error.h>

/* What an option is read with. */
typedef struct reading {
    ggx_source *source;
    const char *text; /* as written; NULL for a bare name */
    ggx_option_value *value;
    ggx_error *error;
} reading;

static ggx_status refuse(const reading *r, const char *expected)
{
    if (!r->text) return ggx_fail(r->error, GGX_E_USAGE, "-O %s needs a value: %s", r->value->name, expected);
    return ggx_fail(r->error, GGX_E_USAGE, "-O %s=%.80s: expected %s", r->value->name, r->text, expected);
}

static ggx_status read_bool(const reading *r)
{
    static const struct {
        const char *word;
        int64_t value;
    } words[] = {{"true", 1}, {"yes", 1}, {"on", 1}, {"1", 1}, {"false", 0}, {"no", 0}, {"off", 0}, {"0", 0}};
    r->value->number = 1;
    if (!r->text) return GGX_OK;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].word, r->text)) continue;
        r->value->number = words[i].value;
        return GGX_OK;
    }
    return refuse(r, "true or false");
}

static ggx_status read_int(const reading *r)
{
    if (!r->text || !ggx_str_int(ggx_str_of(r->text), &r->value->number))
        return refuse(r, "a whole number, decimal or 0x…");
    return GGX_OK;
}

static ggx_status read_string(const reading *r)
{
    if (!r->text) return refuse(r, "a text");
    r->value->text = ggx_str_of(r->text);
    return GGX_OK;
}

static ggx_status read_file(const reading *r)
{
    uint32_t index;
    if (!r->text) return refuse(r, "a file");
    if (!r->source)
        return ggx_fail(r->error, GGX_E_UNSUPPORTED, "-O %s=%.80s: this plugin reads no files", r->value->name,
                        r->text);
    r->value->text = ggx_str_of(r->text);
    ggx_status status = ggx_source_add_file(r->source, r->text, &index, r->error);
    r->value->number = index;
    return status;
}

static const struct {
    uint32_t type;
    ggx_status (*read)(const reading *r);
} types[] = {
    {GGX_OPTION_BOOL, read_bool},
    {GGX_OPTION_INT, read_int},
    {GGX_OPTION_STRING, read_string},
    {GGX_OPTION_FILE, read_file},
};

static ggx_status read_value(const reading *r)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].type == r->value->type) return types[i].read(r);
    return ggx_fail(r->error, GGX_E_PLUGIN, "the option %s is of type %u, which this version of ggx does not know",
                    r->value->name, r->value->type);
}

/* "*.x" is the option x of every plugin. */
static int names(const char *setting, const char *option)
{
    const char *dot = strchr(option, '.');
    return !strcmp(setting, option) || (dot && !strncmp(setting, "*.", 2) && !strcmp(setting + 2, dot + 1));
}

/* The last setting of the name counts; all are used. */
static const ggx_setting *find_setting(const char *name, ggx_setting *settings, uint32_t count)
{
    const ggx_setting *last = NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (!names(settings[i].name, name)) continue;
        settings[i].used = 1;
        last = &settings[i];
    }
    return last;
}

ggx_status ggx_instance_options(ggx_instance *instance, const ggx_option *declared, uint32_t declared_count,
                                ggx_setting *settings, uint32_t setting_count, ggx_source *source, ggx_error *error)
{
    ggx_option_value *values = ggx_arena_array(&instance->arena, declared_count, sizeof *values);
    if (!values) return ggx_fail(error, GGX_E_NOMEM, "no memory for %u options", declared_count);
    instance->options = (ggx_options){.struct_size = sizeof(ggx_options), .values = values};
    for (uint32_t i = 0; i < declared_count; i++) {
        const ggx_setting *setting = find_setting(declared[i].name, settings, setting_count);
        if (!setting) continue;
        ggx_option_value *value = &values[instance->options.count];
        *value = (ggx_option_value){.struct_size = sizeof *value, .type = declared[i].type, .name = declared[i].name};
        reading r = {source, setting->value, value, error};
        ggx_status status = read_value(&r);
        if (status != GGX_OK) return status;
        instance->options.count++;
    }
    return GGX_OK;
}

const ggx_setting *ggx_settings_unused(const ggx_setting *settings, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!settings[i].used) return &settings[i];
    return NULL;
}
