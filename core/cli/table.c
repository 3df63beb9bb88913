/* table.c - column widths, counted in characters. */
#include "cli/table.h"

const char **ggx_table_add(ggx_table *table)
{
    ggx_table_row *row = ggx_arena_alloc(table->arena, sizeof *row);
    if (!row) return NULL;
    for (uint32_t i = 0; i < GGX_TABLE_COLUMNS; i++) row->cells[i] = "";
    *(table->last ? &table->last->next : &table->first) = row;
    table->last = row;
    return row->cells;
}

/* Characters, not bytes: those of UTF-8 that go on have the upper bits 10. */
static int width_of(const char *text, uint64_t size)
{
    int width = 0;
    for (uint64_t i = 0; i < size; i++) width += ((unsigned char)text[i] & 0xc0) != 0x80;
    return width;
}

void ggx_table_print(const ggx_table *table, int indent, ggx_text *out)
{
    int widths[GGX_TABLE_COLUMNS] = {0};
    ggx_text cell = {0};
    for (int printing = 0; printing < 2; printing++) {
        for (const ggx_table_row *row = table->first; row; row = row->next) {
            int gap = indent; /* before the next cell that is not empty: no line ends in spaces */
            for (uint32_t i = 0; i < table->columns; i++) {
                cell.size = 0;
                ggx_text_shown(&cell, ggx_str_of(row->cells[i]));
                int width = width_of(cell.data, cell.size), fill = widths[i] - width;
                if (!printing) {
                    if (fill < 0) widths[i] = width;
                    continue;
                }
                int right = (int)(table->numbers >> i & 1);
                if (cell.size) ggx_text_format(out, "%*s%.*s", gap + (right ? fill : 0), "", (int)cell.size, cell.data);
                gap = (cell.size ? 2 : gap + width + 2) + (right && cell.size ? 0 : fill);
            }
            if (printing) ggx_text_bytes(out, "\n", 1);
        }
    }
    out->failed |= cell.failed;
    ggx_text_free(&cell);
}
