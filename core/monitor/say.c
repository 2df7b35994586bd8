// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// say.c - the monitor's own voice: formatted on its stack, written by the nucleus at once.
#include <stdarg.h>
#include "format.h"
#include "monitor.h"
#include "nucleus.h"

void say(const char *fmt, ...) {
    char line[512];
    va_list arguments;
    va_start(arguments, fmt);
    size_t bytes = format_v(line, sizeof line, fmt, arguments);
    va_end(arguments);
    if (bytes >= sizeof line) bytes = sizeof line - 1;
    int error = nucleus_console_write(line, bytes);
    (void)error; // without a console there is nobody to tell
}

void monitor_stop(uint32_t status) {
    say("cloister: stopped with status %u\n", status);
    int error = nucleus_shutdown(status);
    (void)error;
    __builtin_trap();
}
