// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// secrets.c - see secrets.h. More words than the driver hands out without asking its sources again. The window, the one
// buffer, and the whole shared heap are searched for what was drawn: nobody else may have it.
#include <stdbool.h>
#include "boot.h"
#include "clock.h"
#include "device.h"
#include "entropy.h"
#include "log.h"
#include "secrets.h"
#include "thread.h"
#include "virtio_ring.h"
#include "xheap.h"

#define WORDS 1000
#define PAUSE_NS 10000000

static int64_t words[WORDS];

int secrets_init(uint32_t generation, int persist_valid) {
    (void)generation;
    (void)persist_valid;
    return 0;
}

static uint32_t repetitions(void) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < WORDS; i++)
        for (uint32_t j = 0; j < i; j++)
            count += words[i] == words[j];
    return count;
}

// Bits of the 63 that are the same in all words.
static uint32_t stuck_bits(void) {
    uint64_t changing = 0;
    for (uint32_t i = 1; i < WORDS; i++)
        changing |= (uint64_t)(words[i] ^ words[0]);
    uint32_t changing_count = 0;
    for (; changing != 0; changing &= changing - 1)
        changing_count++;
    return 63 - changing_count;
}

static uint32_t found_in_heap(void) {
    uint32_t count = 0;
    for (const volatile int64_t *at = (void *)ARENA_BASE; at < (const volatile int64_t *)MAP_END; at++) {
        const int64_t value = *at;
        for (uint32_t i = 0; value != 0 && i < WORDS; i++)
            count += value == words[i];
    }
    return count;
}

// The control of that search.
static uint32_t found_with_a_copy(void) {
    int64_t *object = xheap_alloc(sizeof(*object));
    *object = words[WORDS / 2];
    const uint32_t count = found_in_heap();
    *object = 0;
    (void)!xheap_free(object);
    return count;
}

static int64_t draw_within(uint64_t wait_ns) {
    const uint64_t deadline_ns = time_now_ns() + wait_ns;
    int64_t word = entropy_word();
    log_line("secrets: first %ld", word < 0 ? word : 0);
    while (word == -EAGAIN && time_now_ns() < deadline_ns) {
        (void)!thread_sleep_until(time_now_ns() + PAUSE_NS);
        word = entropy_word();
    }
    return word;
}

static int foreign_submission(void) {
    struct device_buffer *buffer = xheap_alloc(sizeof(*buffer));
    *buffer = (struct device_buffer){ .address = (uintptr_t)buffer, .bytes = sizeof(*buffer) };
    const int result = device_submit(DEVICE_ENTROPY, DEVICE_NOTIFY, buffer, 1);
    (void)!xheap_free(buffer);
    return result;
}

int secrets_main(void) {
    if (boot_number("read", 0)) {
        const volatile struct virtio_entropy *window = (void *)WINDOW_ADDRESS(DEVICE_ENTROPY, 0);
        log_line("secrets: read %lx", window->words[0]);
        return 1;
    }
    words[0] = draw_within(boot_number("wait", 0) * 1000000);
    for (uint32_t i = 1; i < WORDS && words[0] >= 0; i++) {
        words[i] = entropy_word();
        if (words[i] < 0)
            words[0] = words[i];
    }
    if (words[0] < 0) {
        log_line("secrets: error %ld", words[0]);
        return (int)words[0];
    }
    log_line("secrets: repeated %u, stuck %u, in the heap %u, after a copy %u, submission %d", repetitions(), stuck_bits(),
             found_in_heap(), found_with_a_copy(), foreign_submission());
    log_line("secrets: words %lx %lx", words[0], words[WORDS - 1]);
    return 0;
}
