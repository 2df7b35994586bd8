// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// calls.c - the downcalls of nucleus.h that are neither threads nor the end.
//
// The caller is the monitor, which is trusted; its pointers are still looked up, because a bug there must end in an error
// and not in a ring-0 fault.
#include "pc.h"

int64_t nucleus_wait(uint64_t deadline_ns, uint64_t devices) {
    for (;;) {
        if ((devices >> DEVICE_CONSOLE & 1) != 0 && console_is_ready()) return 1 << DEVICE_CONSOLE;
        if (clock_ns() >= deadline_ns) return 0;
        __asm__ volatile("pause");
    }
}

int nucleus_device_submit(uint32_t device, uint32_t operation, struct device_buffer *buffers, size_t count) {
    if (device != DEVICE_CONSOLE) return -ENODEV;
    struct device_buffer *list = count <= DEVICE_BATCH_MAX ? alias_checked((uintptr_t)buffers, count * sizeof(*buffers)) : NULL;
    return list != NULL ? console_submit(operation, list, count) : -EINVAL;
}

int nucleus_console_write(const char *text, size_t bytes) {
    const char *alias = alias_checked((uintptr_t)text, bytes);
    if (alias == NULL) return -EINVAL;
    console_put(alias, bytes);
    return 0;
}

int64_t nucleus_clock_reference(uint32_t wall) { return wall != 0 ? -ENODEV : (int64_t)clock_ns(); }

int nucleus_slots_read(uint32_t domain, uint32_t offset, uint64_t *out, size_t count) {
    uint64_t *target = count <= SLOTS_BYTES / 8 ? alias_checked((uintptr_t)out, count * 8) : NULL;
    if (target == NULL || domain < DOMAIN_MONITOR || domain >= domain_count || offset % 8 != 0 ||
        offset + count * 8 > SLOTS_BYTES)
        return -EINVAL;
    for (size_t i = 0; i < count; i++) target[i] = slot(domain, offset)[i];
    return 0;
}

int nucleus_memory_read(uintptr_t address, void *out, size_t bytes) {
    const uint8_t *source = alias_checked(address, bytes);
    uint8_t *target = alias_checked((uintptr_t)out, bytes);
    if (source == NULL || target == NULL) return -EINVAL;
    for (size_t i = 0; i < bytes; i++) target[i] = source[i];
    return 0;
}

int nucleus_shutdown(uint32_t status) { machine_end(status); }
