// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// calls.c - the downcalls of nucleus.h that are neither threads nor the end, and the idle loop.
//
// The caller is the monitor, which is trusted; its pointers are still looked up, because a bug there must end in an
// error and not in a ring-0 fault.
#include "pc.h"

#define IDLE_NS_MAX 1000000000ull // the timer's count has 32 bits: a longer wait is several

volatile bool nucleus_is_idle;
static uint64_t idle_start_tsc;   // 0: awake
static uint64_t requests;         // NUCLEUS_WAIT_*; an NMI adds to it at any instruction

void request(uint64_t what) { __atomic_fetch_or(&requests, what, __ATOMIC_SEQ_CST); }
uint64_t requests_take(void) { return __atomic_exchange_n(&requests, 0, __ATOMIC_SEQ_CST); }

// Whatever wakes the CPU is work already. Taken at once, since an NMI can come in between.
void idle_end(void) {
    uint64_t start = __atomic_exchange_n(&idle_start_tsc, 0, __ATOMIC_SEQ_CST);
    if (start != 0) public_writable()->idle_tsc += tsc_read() - start;
}

// Until any interrupt: the one place at which ring 0 can be interrupted.
static void idle(void) {
    nucleus_is_idle = true;
    idle_start_tsc = tsc_read();
    __asm__ volatile("sti; hlt; cli" : : : "memory"); // sti takes effect behind hlt, so that no wake-up is lost
    nucleus_is_idle = false;
}

int64_t nucleus_wait(uint64_t deadline_ns, uint64_t devices) {
    for (bool has_slept = false;; has_slept = true) {
        int64_t ready = (int64_t)requests_take();
        if ((devices >> DEVICE_CONSOLE & 1) != 0 && console_is_ready()) ready |= 1 << DEVICE_CONSOLE;
        if ((devices >> DEVICE_NET0 & 1) != 0 && net_is_ready()) ready |= 1 << DEVICE_NET0;
        if ((devices >> DEVICE_ENTROPY & 1) != 0 && entropy_is_ready()) ready |= 1 << DEVICE_ENTROPY;
        uint64_t now_ns = clock_ns();
        if (ready != 0 || now_ns >= deadline_ns) {
            if (has_slept) tick_start(); // the timer was used for the deadline
            return ready;
        }
        uint64_t left_ns = deadline_ns - now_ns;
        timer_arm(left_ns < IDLE_NS_MAX ? left_ns : IDLE_NS_MAX);
        idle();
    }
}

int nucleus_device_submit(uint32_t device, uint32_t operation, struct device_buffer *buffers, size_t count) {
    if (device >= DEVICE_COUNT) return -ENODEV;
    if (count > DEVICE_BATCH_MAX) return -EINVAL;
    struct device_buffer *list = alias_checked((uintptr_t)buffers, count * sizeof(*buffers));
    if (list == NULL) return -EINVAL;
    if (device == DEVICE_NET0) return net_submit(operation, list, count);
    if (device == DEVICE_ENTROPY) return entropy_submit(operation);
    return operation <= DEVICE_WRITE ? console_submit(operation, list, count) : -EINVAL;
}

int nucleus_device_reset(uint32_t device) {
    if (device == DEVICE_NET0) return net_reset();
    if (device == DEVICE_ENTROPY) return entropy_reset();
    return device < DEVICE_COUNT ? 0 : -EINVAL; // the console holds nothing of its driver's
}

int nucleus_console_write(const char *text, size_t bytes) {
    const char *alias = alias_checked((uintptr_t)text, bytes);
    if (alias == NULL) return -EINVAL;
    console_put(alias, bytes);
    return 0;
}

int64_t nucleus_clock_reference(uint32_t wall) {
    if (wall == 0) return (int64_t)clock_ns();
    uint64_t offset_ns = clock_wall_offset_ns();
    return offset_ns != 0 ? (int64_t)(offset_ns + clock_ns()) : -ENODEV;
}

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
