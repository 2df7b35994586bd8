// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// inject_inject.c - CONFIG_FAULT_INJECTION: what the monitor needs to make a domain go wrong (core/include/inject.h).
#include "inject.h"
#include "pc.h"

int nucleus_memory_write(uintptr_t address, const void *in, size_t bytes) {
    uint8_t *target = alias_checked(address, bytes);
    const uint8_t *source = alias_checked((uintptr_t)in, bytes);
    if (source == NULL || target == NULL) return -EINVAL;
    for (size_t i = 0; i < bytes; i++) target[i] = source[i];
    return 0;
}

// Only in the domain's own text: in a gate its rights can be live while the stack pointer is still another's.
int nucleus_thread_divert(uint32_t domain, uintptr_t entry) {
    struct context *context = thread_interrupted();
    const struct domain *row = &domain_table[domain];
    uint64_t *top = alias_checked(context->rsp - 8, 8);
    if (context->rip - row->text_start >= row->text_bytes || top == NULL) return -EAGAIN;
    context->rsp -= 8;
    *top = context->rip;
    context->rip = entry;
    return 0;
}
