// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// strictpeer.c - see strictpeer.h.
#include "strictpeer.h"
#include "clock.h"
#include "string.h"
#include "strictthird.h"
#include "thread.h"
#include "xheap.h"

#define HOLD_NS 20000000

static void *kept;

int strictpeer_add(uint8_t *object, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) object[i]++;
    return (int)bytes;
}

int strictpeer_relay(uint8_t *object, size_t bytes) {
    int result = strictthird_add(object, bytes);
    return result < 0 ? result : strictpeer_add(object, bytes);
}

int strictpeer_fail(const uint8_t *object, size_t bytes) {
    return strictthird_refuse(object, bytes) == -EPERM && object[0] == object[bytes - 1] ? -EIO : 0;
}

int strictpeer_copy(const uint8_t *from, size_t from_bytes, uint8_t *to, size_t to_bytes) {
    memcpy(to, from, from_bytes < to_bytes ? from_bytes : to_bytes);
    return 0;
}

int strictpeer_hold(uint8_t *object, size_t bytes) {
    int signalled = event_signal(STRICT_EVENT), slept = thread_sleep_until(time_now_ns() + HOLD_NS);
    return signalled < 0 || slept < 0 ? -EIO : strictpeer_add(object, bytes);
}

int strictpeer_keep(void *object) {
    kept = object;
    *(uint8_t *)object = 1;
    return 0;
}

int strictpeer_drop(void) { return xheap_free(kept); }

int strictpeer_make(uint32_t count) {
    int passed = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *object = xheap_alloc(5000);
        if (!object) return -ENOMEM;
        memset(object, (int)i, 5000);
        if (xheap_pass(object) >= 0) passed++;
    }
    return passed;
}

int strictpeer_sum(uintptr_t address) { return *(volatile uint8_t *)address; }

int strictpeer_touch(uintptr_t address) {
    *(volatile uint8_t *)address = 1;
    return 0;
}

int strictpeer_tell_third(const uint8_t *object, size_t bytes, uintptr_t address) {
    (void)object, (void)bytes;
    return strictthird_touch(address);
}

int strictpeer_check(uintptr_t address) { return xheap_check((void *)address, 1); }

int64_t strictpeer_object(void) {
    static void *object;
    if (!object) object = xheap_alloc(100);
    return object ? (int64_t)(uintptr_t)object : -ENOMEM;
}
