// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// virtio_rng.c - the interface is in drivers/entropy/entropy.h.
//
// The device answers into this driver's window, which is read-only here: a driver that was taken over can ask for
// another answer, and nothing else. The answer, RDRAND and the clock are mixed into the generator; a device that lies
// is as good as none. It may be late, short, or silent: what has not come is not waited for but at the start, and there
// not for long. Invariant: no word is handed out before RDRAND, or SEED_BYTES of the device, have been mixed in.
#include <stdbool.h>
#include "clock.h"
#include "device.h"
#include "entropy.h"
#include "generator.h"
#include "log.h"
#include "rdrand.h"
#include "thread.h"
#include "virtio_ring.h"
#include "virtio_rng.h"
#include "xheap.h"

#define SEED_BYTES 32             // twice what the generator holds
#define FIRST_WAIT_NS 100000000   // as long as nobody minds at boot
#define RESEED_WORDS 256

static const volatile struct virtio_entropy *const queue = (const volatile void *)WINDOW_ADDRESS(DEVICE_ENTROPY, 0);
static struct device_buffer *buffer; // the monitor wants one; nobody looks at it
static struct generator generator;
static bool has_device, has_rdrand, is_seeded;
static uint16_t answers;             // the device's index when it was last looked at
static uint32_t device_bytes, drawn; // since the start; since the last reseeding

static void device_ask(void) {
    *buffer = (struct device_buffer){ .address = (uintptr_t)buffer, .bytes = sizeof(*buffer) };
    has_device = device_submit(DEVICE_ENTROPY, DEVICE_NOTIFY, buffer, 1) == 0;
}

// Mixes an answer in, if there is a new one. What the device says of its length is believed no further than it can harm
// itself.
static bool device_collect(void) {
    if (!has_device)
        return false;
    const uint16_t index = __atomic_load_n(&queue->used.index, __ATOMIC_ACQUIRE);
    if (index == answers)
        return false;
    const uint32_t bytes = queue->used.ring[(uint16_t)(index - 1) % VIRTIO_ENTROPY_ENTRIES].bytes;
    for (uint32_t i = 0; i < VIRTIO_ENTROPY_WORDS; i++)
        generator_mix(&generator, queue->words[i]);
    answers = index;
    if (device_bytes < SEED_BYTES)
        device_bytes += bytes < sizeof(queue->words) ? bytes : sizeof(queue->words);
    is_seeded = is_seeded || device_bytes >= SEED_BYTES;
    return true;
}

static void cpu_mix(void) {
    generator_mix(&generator, __builtin_ia32_rdtsc());
    bool is_good = has_rdrand;
    for (int i = 0; is_good && i < 4; i++) {
        uint64_t word;
        is_good = rdrand(&word);
        generator_mix(&generator, word);
    }
    is_seeded = is_seeded || is_good;
}

static void wait_for_device(void) {
    const uint32_t event = (uint32_t)device_event(DEVICE_ENTROPY);
    const uint64_t deadline_ns = time_now_ns() + FIRST_WAIT_NS;
    while (has_device && device_bytes < SEED_BYTES && time_now_ns() < deadline_ns) {
        const uint32_t seen = event_count(event);
        if (device_collect())
            device_ask();         // it was short, or this makes the next reseeding cheap
        else if (event_wait(event, seen, deadline_ns) < 0)
            break;
    }
}

int virtio_rng_init(uint32_t generation, int persist_valid) {
    buffer = xheap_alloc(sizeof(*buffer));
    if (buffer == NULL)
        return -ENOMEM;
    has_rdrand = rdrand_is_usable();
    generator_mix(&generator, generation);
    cpu_mix();
    device_ask();
    (void)device_collect();
    if (!persist_valid || !is_seeded)
        wait_for_device();        // not after a restart if it can be helped: who else is to be restarted waits as well
    log_line("virtio_rng: RDRAND %s; device %s%s", has_rdrand ? "yes" : "no",
             !has_device ? "no" : device_bytes < SEED_BYTES ? "late" : "yes",
             is_seeded ? "" : ": no secrets from here");
    return 0;
}

int64_t entropy_word(void) {
    (void)device_collect();
    if (!is_seeded) {
        cpu_mix();
        device_ask();
    }
    if (!is_seeded)
        return has_device || has_rdrand ? -EAGAIN : -ENODEV;
    if (++drawn > RESEED_WORDS) {
        drawn = 1;
        cpu_mix();
        device_ask();             // the next call finds the answer, or a later one
    }
    return (int64_t)(generator_next(&generator) & INT64_MAX);
}
