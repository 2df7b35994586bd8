// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// virtio_entropy.c - ring 0's part of the virtio entropy device: a seed before anything random is drawn, then the queue
// for its driver.
//
// The seed comes in ring 0 and polled: the gates' tokens are drawn before the first domain exists, and where the CPU
// has no RDRAND they would be as good as the clock. It does not wait for a source that is dry: whoever blocks its boot
// on that has a machine that does not boot. Then the device is reset. Afterwards the page, zeroed again, is the
// driver's window (core/include/virtio_ring.h), read-only: all that a driver can do is to have the one buffer offered
// again, and one at a time. Invariant: the device is told of no memory but that page.
#include "pc.h"
#include "virtio_transport.h"

#define TYPE_ENTROPY 4
#define WAIT_CYCLES (1ull << 30)  // no clock runs yet; some tenths of a second

static struct virtio source;
static uintptr_t frame;
static volatile struct virtio_entropy *queue;
static bool is_mapped, is_open, is_interrupted;

// As at the start, in the same page.
static bool queue_open(void) {
    if (frame == 0) frame = frame_take();
    queue = frame_memory(frame);
    volatile uint64_t *words = frame_memory(frame);
    for (size_t i = 0; i < sizeof(*queue) / sizeof(*words); i++) words[i] = 0;
    queue->table[0].address = frame + offsetof(struct virtio_entropy, words);
    queue->table[0].bytes = sizeof(queue->words);
    queue->table[0].flags = VIRTIO_WRITE;
    uintptr_t available = frame + offsetof(struct virtio_entropy, available);
    uintptr_t used = frame + offsetof(struct virtio_entropy, used);
    return virtio_queue_open(&source, 0, VIRTIO_ENTROPY_ENTRIES, frame, available, used);
}

// Not before the last answer came: so no entry is ever overwritten, and no index runs ahead.
static void ask(void) {
    if (queue->used.index != queue->available.index) return;
    __atomic_store_n(&queue->available.index, (uint16_t)(queue->available.index + 1), __ATOMIC_RELEASE);
    virtio_kick(&source, 0);
}

bool entropy_read(uint64_t words[ENTROPY_WORDS]) {
    for (uint32_t i = 0; i < ENTROPY_WORDS; i++) words[i] = 0;
    if (!virtio_start(&source, TYPE_ENTROPY, 0)) return false;
    bool is_done = false;
    if (queue_open()) {
        virtio_finish(&source);
        ask();
        for (uint64_t start = tsc_read(); !is_done && tsc_read() - start < WAIT_CYCLES;)
            is_done = __atomic_load_n(&queue->used.index, __ATOMIC_ACQUIRE) == 1;
        is_done = is_done && queue->used.ring[0].bytes >= ENTROPY_WORDS * sizeof(*words);
    }
    virtio_stop(&source);
    for (uint32_t i = 0; is_done && i < ENTROPY_WORDS; i++) words[i] = queue->words[i];
    return is_done;
}

static void interrupted(void) {
    virtio_acknowledge(&source);
    is_interrupted = true;
}

bool entropy_is_ready(void) {
    bool was = is_interrupted;
    is_interrupted = false;
    return was;
}

void entropy_start(void) {
    uint32_t domain = device_table[DEVICE_ENTROPY].domain;
    if (domain == 0 || !virtio_start(&source, TYPE_ENTROPY, 0)) return;
    is_open = virtio_interrupt_open(&source, interrupted) && queue_open();
    if (!is_open) return;
    window_map(WINDOW_ADDRESS(DEVICE_ENTROPY, 0), frame, domain_table[domain].pkey, !table_is_frozen);
    is_mapped = true;
    virtio_finish(&source);
}

int entropy_reset(void) {
    if (!is_mapped) return 0;         // there is none, or nobody drives it
    is_interrupted = true;            // who waits for it looks again
    is_open = virtio_start(&source, TYPE_ENTROPY, 0) && queue_open();
    if (is_open) virtio_finish(&source);
    else virtio_stop(&source);
    return is_open ? 0 : -EIO;
}

int entropy_submit(uint32_t operation) {
    if (!is_open) return -ENODEV;
    if (operation != DEVICE_NOTIFY) return -EINVAL;
    ask();
    return 0;
}
