// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// inject_inject.c - CONFIG_FAULT_INJECTION: what the monitor needs to make a domain go wrong (core/include/inject.h).
#include "host.h"
#include "inject.h"

int nucleus_memory_write(uintptr_t address, const void *in, size_t bytes) {
    if (!memory_is_mapped(address, bytes) || !memory_is_mapped((uintptr_t)in, bytes)) return -EINVAL;
    __builtin_memcpy(alias(address), alias((uintptr_t)in), bytes);
    return 0;
}

// Only in the domain's own text: in a gate its rights can be live while the stack pointer is still another's.
int nucleus_thread_divert(uint32_t domain, uintptr_t entry) {
    struct context *context = &threads[thread_current].interrupted;
    const struct domain *row = &domain_table[domain];
    if (context->domain != domain || context->rip - row->text_start >= row->text_bytes ||
        !memory_is_mapped(context->rsp - 8, 8))
        return -EAGAIN;
    context->rsp -= 8;
    *(uint64_t *)alias(context->rsp) = context->rip;
    context->rip = entry;
    return 0;
}
