/* core/cli/metadata.h - a key/value's type and value, for people and as JSON. */
#ifndef GGX_CORE_METADATA_H
#define GGX_CORE_METADATA_H

#include "base/text.h"
#include <ggx/tensor.h>

/* The type's name; of an array its elements'. */
const char *ggx_metadata_type(const ggx_kv *kv);

/* The value; long ones are cut unless `json`. */
void ggx_metadata_print(const ggx_kv *kv, int json, ggx_text *out);

#endif
