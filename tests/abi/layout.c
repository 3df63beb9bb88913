/* tests/abi/layout.c - prints size and offset of every field of every public record, or compares them with a file of such lines.
 *
 * layout            prints the table
 * layout FILE       compares it with FILE and says what differs; exit code 1 when something does
 *
 * x86-64 and aarch64 are both LP64 and share one table. */
#include <ggx/draft/decode.h>
#include <ggx/draft/quant.h>
#include <ggx/draft/vocab.h>
#include <ggx/ggx.h>
#include <stdio.h>
#include <string.h>

typedef struct row {
    const char *record, *field; /* field NULL: the record itself */
    size_t offset, size;
} row;

#define RECORD(r) {#r, NULL, 0, sizeof(r)},
#define FIELD(r, f) {#r, #f, offsetof(r, f), sizeof(((r *)0)->f)},

/* clang-format off */
static const row rows[] = {
    RECORD(ggx_error)
    FIELD(ggx_error, status)
    FIELD(ggx_error, member)
    FIELD(ggx_error, offset)
    FIELD(ggx_error, text)
    RECORD(ggx_str)
    FIELD(ggx_str, data)
    FIELD(ggx_str, size)
    RECORD(ggx_host)
    FIELD(ggx_host, struct_size)
    FIELD(ggx_host, reserved)
    FIELD(ggx_host, context)
    FIELD(ggx_host, alloc)
    FIELD(ggx_host, canceled)
    FIELD(ggx_host, progress)
    FIELD(ggx_host, log)
    FIELD(ggx_host, extension)
    RECORD(ggx_option)
    FIELD(ggx_option, struct_size)
    FIELD(ggx_option, type)
    FIELD(ggx_option, name)
    FIELD(ggx_option, help)
    RECORD(ggx_option_value)
    FIELD(ggx_option_value, struct_size)
    FIELD(ggx_option_value, type)
    FIELD(ggx_option_value, name)
    FIELD(ggx_option_value, number)
    FIELD(ggx_option_value, text)
    RECORD(ggx_options)
    FIELD(ggx_options, struct_size)
    FIELD(ggx_options, count)
    FIELD(ggx_options, values)
    RECORD(ggx_provide)
    FIELD(ggx_provide, id)
    FIELD(ggx_provide, vtable)
    RECORD(ggx_plugin)
    FIELD(ggx_plugin, struct_size)
    FIELD(ggx_plugin, provide_count)
    FIELD(ggx_plugin, id)
    FIELD(ggx_plugin, version)
    FIELD(ggx_plugin, license)
    FIELD(ggx_plugin, provides)
    RECORD(ggx_member)
    FIELD(ggx_member, struct_size)
    FIELD(ggx_member, reserved)
    FIELD(ggx_member, size)
    FIELD(ggx_member, name)
    RECORD(ggx_source)
    FIELD(ggx_source, struct_size)
    FIELD(ggx_source, kind)
    FIELD(ggx_source, context)
    FIELD(ggx_source, count)
    FIELD(ggx_source, member)
    FIELD(ggx_source, find)
    FIELD(ggx_source, read_at)
    FIELD(ggx_source, map)
    RECORD(ggx_type)
    FIELD(ggx_type, name)
    FIELD(ggx_type, block_elems)
    FIELD(ggx_type, block_bytes)
    RECORD(ggx_box)
    FIELD(ggx_box, struct_size)
    FIELD(ggx_box, rank)
    FIELD(ggx_box, start)
    FIELD(ggx_box, count)
    RECORD(ggx_tensor)
    FIELD(ggx_tensor, struct_size)
    FIELD(ggx_tensor, rank)
    FIELD(ggx_tensor, name)
    FIELD(ggx_tensor, type)
    FIELD(ggx_tensor, byte_order)
    FIELD(ggx_tensor, access)
    FIELD(ggx_tensor, flags)
    FIELD(ggx_tensor, member)
    FIELD(ggx_tensor, offset)
    FIELD(ggx_tensor, nbytes)
    FIELD(ggx_tensor, storage_id)
    FIELD(ggx_tensor, cookie)
    FIELD(ggx_tensor, shape)
    FIELD(ggx_tensor, stride)
    FIELD(ggx_tensor, chunk)
    RECORD(ggx_kv)
    FIELD(ggx_kv, struct_size)
    FIELD(ggx_kv, type)
    FIELD(ggx_kv, elem_type)
    FIELD(ggx_kv, reserved)
    FIELD(ggx_kv, key)
    FIELD(ggx_kv, count)
    FIELD(ggx_kv, data)
    RECORD(ggx_sink)
    FIELD(ggx_sink, struct_size)
    FIELD(ggx_sink, reserved)
    FIELD(ggx_sink, context)
    FIELD(ggx_sink, tensor)
    FIELD(ggx_sink, kv)
    RECORD(ggx_sibling)
    FIELD(ggx_sibling, name)
    FIELD(ggx_sibling, head)
    RECORD(ggx_probe)
    FIELD(ggx_probe, struct_size)
    FIELD(ggx_probe, kind)
    FIELD(ggx_probe, name)
    FIELD(ggx_probe, size)
    FIELD(ggx_probe, head)
    FIELD(ggx_probe, tail)
    FIELD(ggx_probe, siblings)
    FIELD(ggx_probe, sibling_count)
    FIELD(ggx_probe, reserved)
    RECORD(ggx_reader)
    FIELD(ggx_reader, struct_size)
    FIELD(ggx_reader, flags)
    FIELD(ggx_reader, instance_size)
    FIELD(ggx_reader, head_want)
    FIELD(ggx_reader, tail_want)
    FIELD(ggx_reader, options)
    FIELD(ggx_reader, option_count)
    FIELD(ggx_reader, reserved)
    FIELD(ggx_reader, probe)
    FIELD(ggx_reader, open)
    FIELD(ggx_reader, index)
    FIELD(ggx_reader, read)
    FIELD(ggx_reader, close)
    RECORD(ggx_out_tensor)
    FIELD(ggx_out_tensor, struct_size)
    FIELD(ggx_out_tensor, rank)
    FIELD(ggx_out_tensor, name)
    FIELD(ggx_out_tensor, type)
    FIELD(ggx_out_tensor, type_code)
    FIELD(ggx_out_tensor, label)
    FIELD(ggx_out_tensor, shape)
    FIELD(ggx_out_tensor, nbytes)
    FIELD(ggx_out_tensor, output)
    FIELD(ggx_out_tensor, reserved)
    RECORD(ggx_layout)
    FIELD(ggx_layout, struct_size)
    FIELD(ggx_layout, output_count)
    FIELD(ggx_layout, total_size)
    FIELD(ggx_layout, sizes)
    RECORD(ggx_place)
    FIELD(ggx_place, struct_size)
    FIELD(ggx_place, output)
    FIELD(ggx_place, offset)
    FIELD(ggx_place, nbytes)
    RECORD(ggx_emit)
    FIELD(ggx_emit, struct_size)
    FIELD(ggx_emit, reserved)
    FIELD(ggx_emit, context)
    FIELD(ggx_emit, bytes)
    RECORD(ggx_writer)
    FIELD(ggx_writer, struct_size)
    FIELD(ggx_writer, flags)
    FIELD(ggx_writer, instance_size)
    FIELD(ggx_writer, options)
    FIELD(ggx_writer, option_count)
    FIELD(ggx_writer, reserved)
    FIELD(ggx_writer, open)
    FIELD(ggx_writer, kv)
    FIELD(ggx_writer, tensor)
    FIELD(ggx_writer, layout)
    FIELD(ggx_writer, place)
    FIELD(ggx_writer, render)
    FIELD(ggx_writer, close)
    RECORD(ggx_decoder_input)
    FIELD(ggx_decoder_input, struct_size)
    FIELD(ggx_decoder_input, flags)
    FIELD(ggx_decoder_input, name)
    RECORD(ggx_packed)
    FIELD(ggx_packed, struct_size)
    FIELD(ggx_packed, rank)
    FIELD(ggx_packed, type)
    FIELD(ggx_packed, shape)
    RECORD(ggx_decoder)
    FIELD(ggx_decoder, struct_size)
    FIELD(ggx_decoder, instance_size)
    FIELD(ggx_decoder, input_count)
    FIELD(ggx_decoder, option_count)
    FIELD(ggx_decoder, inputs)
    FIELD(ggx_decoder, options)
    FIELD(ggx_decoder, open)
    FIELD(ggx_decoder, need)
    FIELD(ggx_decoder, decode)
    RECORD(ggx_kernels)
    FIELD(ggx_kernels, struct_size)
    FIELD(ggx_kernels, rank)
    FIELD(ggx_kernels, type)
    FIELD(ggx_kernels, cpu)
    FIELD(ggx_kernels, quantize)
    FIELD(ggx_kernels, dequantize)
    RECORD(ggx_vocab)
    FIELD(ggx_vocab, struct_size)
    FIELD(ggx_vocab, flags)
    FIELD(ggx_vocab, options)
    FIELD(ggx_vocab, option_count)
    FIELD(ggx_vocab, reserved)
    FIELD(ggx_vocab, read)
    RECORD(ggx_quant)
    FIELD(ggx_quant, struct_size)
    FIELD(ggx_quant, flags)
    FIELD(ggx_quant, type)
    FIELD(ggx_quant, type_code)
    FIELD(ggx_quant, file_type)
    FIELD(ggx_quant, legacy_file_type)
    FIELD(ggx_quant, imatrix)
    FIELD(ggx_quant, fallback)
    FIELD(ggx_quant, kernels)
    FIELD(ggx_quant, scratch)
};
/* clang-format on */
#define ROWS (sizeof rows / sizeof *rows)

static void print_row(const row *r, char *out, size_t capacity)
{
    if (r->field)
        snprintf(out, capacity, "%s.%s offset %zu size %zu\n", r->record, r->field, r->offset, r->size);
    else
        snprintf(out, capacity, "%s size %zu\n", r->record, r->size);
}

static int compare(FILE *file)
{
    char expected[256], found[256];
    int differences = 0;
    size_t i = 0;
    for (; fgets(expected, sizeof expected, file); i++) {
        if (i < ROWS)
            print_row(&rows[i], found, sizeof found);
        else
            strcpy(found, "nothing\n");
        if (strcmp(expected, found)) {
            differences++;
            printf("line %zu: expected %sline %zu: found    %s", i + 1, expected, i + 1, found);
        }
    }
    if (i < ROWS) printf("%zu rows are not in the file\n", ROWS - i);
    return differences || i < ROWS;
}

int main(int argc, char **argv)
{
    char text[256];
    if (argc == 1) {
        for (size_t i = 0; i < ROWS; i++) {
            print_row(&rows[i], text, sizeof text);
            fputs(text, stdout);
        }
        return 0;
    }
    FILE *file = fopen(argv[1], "r");
    if (!file) return fprintf(stderr, "cannot read %s\n", argv[1]), 2;
    int different = compare(file);
    fclose(file);
    return different;
}
