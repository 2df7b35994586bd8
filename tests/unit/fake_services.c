// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// fake_services.c - the shared heap on malloc, so that the address sanitizer watches it, a console that keeps its last line, and
// a monitor's records of faults.
#include "fake.h"
#include "format.h"
#include "log.h"
#include "recovery.h"
#include "xheap.h"

size_t fake_objects, fake_object_limit = SIZE_MAX;
char fake_line[LOG_LINE_MAX];

struct fault_row fake_faults[FAULTS_KEPT];
int fake_fault_count;

int faults_read(uint64_t first, struct fault_row *out, size_t max) {
    assert_true(first == 0 && max == FAULTS_KEPT);
    for (int i = 0; i < fake_fault_count; i++)
        out[i] = fake_faults[i];
    return fake_fault_count;
}

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
