// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// contractpeer.c - see contractpeer.h.
#include "contractpeer.h"
#include "contract.h"
#include "domain.h"
#include "time.h"
#include "xheap.h"

int contractpeer_domain(void) { return domain_self; }

int contractpeer_hold(uint64_t duration_ns) {
    static volatile int inside;
    int overlaps = 0;
    inside++;
    for (uint64_t end_ns = time_now_ns() + duration_ns; time_now_ns() < end_ns;)
        if (inside != 1) overlaps++;
    inside--;
    return overlaps;
}

int contractpeer_reenter(void) { return contract_call_back(); }

int contractpeer_free_while_lent(const void *object, size_t bytes) {
    (void)object, (void)bytes;
    return contract_free_lent();
}

int contractpeer_sum_copy(const uint8_t *text, size_t bytes) {
    int sum = 0;
    for (size_t i = 0; i < bytes; i++) sum += text[i];
    return xheap_contains(text) ? -EFAULT : sum; // shared bytes could change under us
}

int contractpeer_increment(uint8_t *text, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) text[i]++;
    return 0;
}

int contractpeer_object(uint64_t *address) {
    static void *object;
    if (!object) object = xheap_alloc(512);
    *address = (uint64_t)object;
    return object ? 0 : -ENOMEM;
}

int contractpeer_eat(void *object) { return xheap_free(object); }

int contractpeer_make(uint32_t count) {
    int accepted = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *object = xheap_alloc(256);
        if (!object) return -ENOMEM;
        *object = i;
        int index = xheap_pass(object);
        if (index >= 0) accepted++;
        else if (xheap_free(object)) return -EIO;
    }
    return accepted;
}
