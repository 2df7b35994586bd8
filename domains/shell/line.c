// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// line.c - see line.h. Pure: no state of its own, calls nobody.
#include "line.h"

static void line_start(struct line *line) {
    line->length = 0;
    line->is_too_long = line->is_complete = false;
}

enum line_result line_add(struct line *line, char byte) {
    if (line->is_complete)
        line_start(line);
    if (byte == '\n' || byte == '\r') {
        line->is_complete = true;
        line->text[line->length] = 0;
        return line->is_too_long ? LINE_TOO_LONG : LINE_COMPLETE;
    }
    if (line->length == LINE_MAX)
        line->is_too_long = true;
    else
        line->text[line->length++] = byte == '\t' ? ' ' : byte >= ' ' && byte <= '~' ? byte : '?';
    return LINE_MORE;
}

uint32_t line_words(char *text, char **words, uint32_t max) {
    uint32_t count = 0;
    for (;;) {
        while (*text == ' ')
            text++;
        if (!*text || count == max)
            return count;
        words[count++] = text;
        if (count == max)
            return count;
        while (*text && *text != ' ')
            text++;
        if (*text)
            *text++ = 0;
    }
}
