// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// heappeer.c - see heappeer.h.
#include "heappeer.h"
#include "clock.h"
#include "misuser.h"
#include "string.h"
#include "thread.h"
#include "xheap.h"

#define KEPT_MAX 4096
#define AT_ONCE 3
#define PAUSE_NS 100000 // an object allocated 2^14 times changes hands, which scribble() would notice

static void *kept[KEPT_MAX];
static uint32_t kept_count;
static volatile int turns, failures;

static uint8_t *own_object(void) {
    static uint8_t *object;
    if (!object && (object = xheap_alloc(HEAPPEER_BYTES)))
        memset(object, HEAPPEER_PATTERN, HEAPPEER_BYTES);
    return object;
}

int heappeer_object(uint64_t *address) {
    *address = (uint64_t)own_object();
    return *address ? 0 : -ENOMEM;
}

int heappeer_changed(void) {
    int changed = 0;
    for (uint32_t i = 0; i < HEAPPEER_BYTES; i++)
        changed += own_object()[i] != HEAPPEER_PATTERN;
    return changed;
}

int heappeer_read(const void *text, size_t bytes) { return bytes ? *(const volatile uint8_t *)text : 0; }

int heappeer_call_back(const void *text, size_t bytes) {
    (void)text, (void)bytes;
    return misuser_with_lent();
}

int heappeer_keep(void *object) {
    if (kept_count == KEPT_MAX)
        return xheap_free(object) ? -EIO : -ENOMEM;
    kept[kept_count++] = object;
    return (int)kept_count;
}

int heappeer_drop(void) {
    int dropped = 0;
    for (; kept_count; dropped++) {
        int failed = xheap_free(kept[--kept_count]);
        if (failed)
            return failed;
    }
    return dropped;
}

int heappeer_work(uint32_t count) {
    int failed = 0;
    for (uint32_t turn = 0; turn < count; turn++)
        for (size_t bytes = XHEAP_GRANULE_BYTES; bytes <= XHEAP_OBJECT_MAX; bytes *= 2) {
            void *objects[AT_ONCE];
            for (uint32_t i = 0; i < AT_ONCE; i++)
                failed += !(objects[i] = xheap_alloc(bytes));
            for (uint32_t i = 0; i < AT_ONCE; i++)
                failed += objects[i] && xheap_free(objects[i]);
        }
    return failed;
}

int heappeer_turns(void) { return turns; }
int heappeer_failures(void) { return failures; }

int heappeer_serve(void) {
    for (;; turns++) {
        failures += heappeer_work(1);
        (void)!thread_sleep_until(time_now_ns() + PAUSE_NS);
    }
}
