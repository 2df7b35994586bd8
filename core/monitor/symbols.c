// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// symbols.c - see symbols.h; reads the table that scripts/symbols.py writes.
//
//   symbol_table: [u32 functions, lines, files, 0]
//                 functions x {u32 offset; u32 name | GENERATED}     sorted; offset from TEXT_BASE
//                 lines x {u32 offset; u16 file; u16 line}           sorted; file 0: no line from here on
//                 files x u32 name                                   names: offsets into the strings, which follow
// Invariant: the table is rodata of the monitor, made by the build; nothing in it is checked again.
#include "symbols.h"
#include "address_map_asm.h"

#define GENERATED 0x80000000u
#define TEXT_WINDOW_BYTES (DOMAIN_BASE - TEXT_BASE)

struct function_row { uint32_t offset, name; };
struct line_row { uint32_t offset; uint16_t file, line; };

static uint32_t function_count(void) { return symbol_rows()[0]; }
static uint32_t line_count(void) { return symbol_rows()[1]; }
static uint32_t file_count(void) { return symbol_rows()[2]; }
static const struct function_row *functions(void) { return (const struct function_row *)(symbol_rows() + 4); }
static const struct line_row *lines(void) { return (const struct line_row *)(functions() + function_count()); }
static const uint32_t *files(void) { return (const uint32_t *)(lines() + line_count()); }
static const char *strings(void) { return (const char *)(files() + file_count()); }

// Both kinds of row are 8 bytes that start with the offset. Returns the last row at or below offset, count if there is none.
static uint32_t row_at(const void *rows, uint32_t count, uint32_t offset)
{
    const struct line_row *row = rows;
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (row[middle].offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? low - 1 : count;
}

static const struct function_row *function_at(uint64_t address)
{
    if (address - TEXT_BASE >= TEXT_WINDOW_BYTES)
        return NULL;
    uint32_t index = row_at(functions(), function_count(), (uint32_t)(address - TEXT_BASE));
    return index < function_count() ? functions() + index : NULL;
}

bool symbol_is_generated(uint64_t address)
{
    const struct function_row *function = function_at(address);
    return function && function->name & GENERATED;
}

// The line's row, NULL where no line is known.
static const struct line_row *line_at(uint64_t address)
{
    uint32_t index = row_at(lines(), line_count(), (uint32_t)(address - TEXT_BASE));
    return index < line_count() && lines()[index].file ? lines() + index : NULL;
}

const char *symbol_file(uint64_t address)
{
    const struct line_row *line = function_at(address) ? line_at(address) : NULL;
    return line ? strings() + files()[line->file] : NULL;
}

const char *symbol_name(uint64_t address)
{
    const struct function_row *function = function_at(address);
    return function ? strings() + (function->name & ~GENERATED) : NULL;
}

struct text { char *out; size_t room, used; };

static void put(struct text *text, const char *from)
{
    while (*from && text->used + 1 < text->room)
        text->out[text->used++] = *from++;
}

static void put_number(struct text *text, uint64_t value, uint32_t base)
{
    char digits[24];
    size_t at = sizeof digits - 1;
    digits[at] = 0;
    do
        digits[--at] = "0123456789abcdef"[value % base];
    while (value /= base);
    put(text, digits + at);
}

static size_t format_place(char *out, size_t room, uint64_t address, bool has_offset)
{
    struct text text = {out, room, 0};
    if (!room)
        return 0;
    const struct function_row *function = function_at(address);
    if (!function) {
        put(&text, "0x");
        put_number(&text, address, 16);
    } else {
        put(&text, strings() + (function->name & ~GENERATED));
        if (has_offset) {
            put(&text, "+0x");
            put_number(&text, (uint32_t)(address - TEXT_BASE) - function->offset, 16);
        }
        const struct line_row *line = line_at(address);
        if (line) {
            put(&text, " ");
            put(&text, strings() + files()[line->file]);
            put(&text, ":");
            put_number(&text, line->line, 10);
        }
    }
    out[text.used] = 0;
    return text.used;
}

size_t symbol_format(char *out, size_t room, uint64_t address) { return format_place(out, room, address, true); }
size_t symbol_site(char *out, size_t room, uint64_t address) { return format_place(out, room, address, false); }
