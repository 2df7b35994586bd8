// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// out.c - see out.h. The shell has one thread, so one buffer.
#include "out.h"
#include <stdarg.h>
#include <stdbool.h>
#include "console.h"
#include "format.h"
#include "string.h"

#define PROMPT "cloister> "
#define NS_PER_SECOND 1000000000u

static char gathered[2048];
static size_t used;
_Static_assert(sizeof(gathered) <= CONSOLE_WRITE_MAX, "one call takes it");
_Static_assert(sizeof(gathered) >= OUT_LINE_MAX, "it takes a line");

void out_flush(void) {
    int result = used ? console_write(gathered, used) : 0;
    if (result == -EDOMAINDEAD) // it may be back by now; text that comes twice is better than none
        result = console_write(gathered, used);
    (void)result;
    used = 0;
}

void out_line(const char *fmt, ...) {
    if (sizeof(gathered) - used < OUT_LINE_MAX)
        out_flush();
    va_list arguments;
    va_start(arguments, fmt);
    size_t bytes = format_v(gathered + used, OUT_LINE_MAX, fmt, arguments); // one less: room for the newline
    va_end(arguments);
    while (bytes && gathered[used + bytes - 1] == ' ')
        bytes--;
    gathered[used + bytes] = '\n';
    used += bytes + 1;
}

void out_prompt(void) {
    if (sizeof(gathered) - used < OUT_LINE_MAX)
        out_flush();
    memcpy(gathered + used, PROMPT, sizeof(PROMPT) - 1);
    used += sizeof(PROMPT) - 1;
}

void out_prompt_end(void) { out_line("%s", ""); }

static bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

const char *out_name(char *name, size_t room) {
    name[room - 1] = 0;
    for (char *c = name; *c; c++)
        if (!is_name_character(*c))
            *c = '?';
    return name;
}

const char *out_text(char *text, size_t room) {
    text[room - 1] = 0;
    for (char *c = text; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return text;
}

const char *out_size(char out[OUT_SIZE_BYTES], uint64_t bytes) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    uint32_t unit = 0;
    uint64_t rest = 0; // of the next smaller unit, in 1024ths
    while (bytes >= 1024 && unit < sizeof(units) / sizeof(*units) - 1) {
        rest = bytes % 1024;
        bytes /= 1024;
        unit++;
    }
    if (!bytes)
        format(out, OUT_SIZE_BYTES, "0");
    else if (rest && bytes < 100)
        format(out, OUT_SIZE_BYTES, "%u.%u %s", (unsigned)bytes, (unsigned)(rest * 10 / 1024), units[unit]);
    else
        format(out, OUT_SIZE_BYTES, "%lu %s", bytes, units[unit]);
    return out;
}

const char *out_duration(char out[OUT_DURATION_BYTES], uint64_t ns) {
    uint64_t seconds = ns / NS_PER_SECOND, days = seconds / 86400;
    size_t at = days ? format(out, OUT_DURATION_BYTES, "%lu day%s, ", days, days == 1 ? "" : "s") : 0;
    format(out + at, OUT_DURATION_BYTES - at, "%02u:%02u:%02u", (unsigned)(seconds / 3600 % 24),
           (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
    return out;
}
