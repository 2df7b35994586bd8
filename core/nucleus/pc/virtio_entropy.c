// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// virtio_entropy.c - random bytes from a virtio entropy device, once, before anything random is drawn.
//
// In ring 0 and polled, not a component: the gates' tokens are drawn before the first domain exists, and where the CPU
// has no RDRAND they would be as good as the clock. One page holds the whole queue; then the device is reset, so that
// it writes nothing ever after. It does not wait for a source that is dry: whoever blocks its boot on that has a
// machine that does not boot.
#include "pc.h"
#include "virtio_transport.h"

#define TYPE_ENTROPY 4
#define ENTRIES 8                 // what QEMU offers
#define WAIT_CYCLES (1ull << 30)  // no clock runs yet; some tenths of a second

struct queue {                    // alignments: 2.7 of the specification
    struct virtio_descriptor table[ENTRIES];
    struct { uint16_t flags, index, ring[ENTRIES]; } available;
    uint8_t pad[100];
    struct { uint16_t flags, index; struct virtio_used_entry ring[ENTRIES]; } used;
    uint64_t words[ENTROPY_WORDS];
};
_Static_assert(sizeof(struct queue) <= PAGE_BYTES && offsetof(struct queue, used) % 4 == 0, "one page, aligned");

bool entropy_read(uint64_t words[ENTROPY_WORDS]) {
    struct virtio virtio;
    for (uint32_t i = 0; i < ENTROPY_WORDS; i++) words[i] = 0;
    if (!virtio_start(&virtio, TYPE_ENTROPY, 0)) return false;
    uintptr_t frame = frame_take();
    struct queue *queue = frame_memory(frame);
    volatile uint16_t *done = &queue->used.index;
    queue->table[0] = (struct virtio_descriptor){
        .address = frame + offsetof(struct queue, words), .bytes = sizeof(queue->words), .flags = VIRTIO_WRITE };
    queue->available.index = 1;
    uintptr_t available = frame + offsetof(struct queue, available), used = frame + offsetof(struct queue, used);
    if (virtio_queue_open(&virtio, 0, ENTRIES, frame, available, used)) {
        virtio_finish(&virtio);
        virtio_kick(&virtio, 0);
        for (uint64_t start = tsc_read(); *done == 0 && tsc_read() - start < WAIT_CYCLES;) __asm__ volatile("pause");
    }
    bool is_done = __atomic_load_n(done, __ATOMIC_ACQUIRE) == 1 && queue->used.ring[0].bytes == sizeof(queue->words);
    virtio_stop(&virtio);
    for (uint32_t i = 0; is_done && i < ENTROPY_WORDS; i++) words[i] = queue->words[i];
    return is_done;
}
