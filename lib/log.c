// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// log.c - see log.h.
#include "console.h"
#include "format.h"
#include "log.h"

void log_line(const char *fmt, ...) {
    char text[LOG_LINE_MAX];
    va_list arguments;
    va_start(arguments, fmt);
    size_t bytes = format_v(text, sizeof(text) - 1, fmt, arguments); // keeps room for the newline
    va_end(arguments);
    text[bytes++] = '\n';
    int result = console_write(text, bytes);
    if (result == -EDOMAINDEAD) // it may be back by now; a line that comes twice is better than none
        result = console_write(text, bytes);
    (void)result;
}
