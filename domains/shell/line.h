// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// line.h - bytes from the console become lines.
//
//   line_add      one byte more
//   line_words    a line's words
//
// Invariant: text[0..length) is printable ASCII, whatever came in: what is not becomes '?', so that showing it again
// cannot talk to the terminal, and a NUL does not hide the rest. It knows no quotes and no editing (the terminal does
// that).
#ifndef SHELL_LINE_H
#define SHELL_LINE_H

#include <stdbool.h>
#include <stdint.h>

#define LINE_MAX 255

struct line {                  // zeroed: at the start of a line
    char text[LINE_MAX + 1];
    uint32_t length;
    bool is_too_long, is_complete;
};

enum line_result { LINE_MORE, LINE_COMPLETE, LINE_TOO_LONG };

// Adds byte. LINE_COMPLETE: it ended the line (LF or CR), which is in text, NUL-terminated, until the next call
// starts a new one. LINE_TOO_LONG: it ended a line of more than LINE_MAX bytes, which is lost. LINE_MORE otherwise.
enum line_result line_add(struct line *line, char byte);

// Cuts text at its blanks: words[0..result) point into it. More than max words: the last one has the rest.
uint32_t line_words(char *text, char **words, uint32_t max);

#endif
