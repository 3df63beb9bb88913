/* core/cli/table.h - text in columns. */
#ifndef GGX_CORE_CLI_TABLE_H
#define GGX_CORE_CLI_TABLE_H

#include "base/arena.h"
#include "base/text.h"

#define GGX_TABLE_COLUMNS 10

typedef struct ggx_table_row {
    struct ggx_table_row *next;
    const char *cells[GGX_TABLE_COLUMNS];
} ggx_table_row;

typedef struct ggx_table {
    ggx_arena *arena;
    uint32_t columns;
    uint32_t numbers; /* bit i: column i is aligned to the right */
    ggx_table_row *first, *last;
} ggx_table;

/* A new row of empty cells; fill in `cells` with strings that outlive the table (control bytes are escaped when it is printed). NULL
 * without memory. */
const char **ggx_table_add(ggx_table *table);

/* All rows, each column as wide as its widest cell, each line after `indent` spaces. */
void ggx_table_print(const ggx_table *table, int indent, ggx_text *out);

#endif
