// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// fake_services.c - the shared heap on malloc, so that the address sanitizer watches it, and a console that keeps its last line.
#include "fake.h"
#include "format.h"
#include "log.h"
#include "xheap.h"

size_t fake_objects, fake_object_limit = SIZE_MAX;
char fake_line[LOG_LINE_MAX];

void *xheap_alloc(size_t bytes) {
    if (fake_objects == fake_object_limit)
        return NULL;
    fake_objects++;
    return malloc(bytes);
}

int xheap_free(void *address) {
    fake_objects--;
    free(address);
    return 0;
}

void log_line(const char *fmt, ...) {
    va_list arguments;
    va_start(arguments, fmt);
    format_v(fake_line, sizeof(fake_line), fmt, arguments);
    va_end(arguments);
}
