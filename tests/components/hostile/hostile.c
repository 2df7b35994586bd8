// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// hostile.c - see hostile.h. Each attempt tells the device, or tries to, about memory that is not the driver's, and
// then has a frame sent to itself (an ARP request, which the gateway answers) so that the device writes.
//
// The canaries: a read-only page of this domain, whose physical address follows from the image's layout and which
// nothing but a device could change; an object in the shared heap; and those buffers in the window that were not given
// to the device.
#include <stdbool.h>
#include "boot.h"
#include "clock.h"
#include "device.h"
#include "hostile.h"
#include "log.h"
#include "string.h"
#include "thread.h"
#include "virtio_ring.h"
#include "xheap.h"

#define PHYSICAL_BASE 0x200000ull     // core/nucleus/pc/layout_asm.h: where TEXT_BASE lies
#define MMIO_BASE 0xffff800000000000ull    // there too: ring 0's view of device registers
#define PATTERN 0x5a
#define INDIRECT_FEATURE (1ull << 28)
#define INDIRECT_FLAG 4
#define FRAME_OFFSET 12               // behind virtio_net_hdr
#define FRAME_BYTES 60
#define ANSWER_NS 2000000000ull
#define ONLY_BUFFER 7

static const uint8_t __attribute__((aligned(PAGE_BYTES))) canary[PAGE_BYTES] = { [0 ... PAGE_BYTES - 1] = PATTERN };
static uint8_t *heap_canary;
static uint32_t generation_now;
static struct device_buffer *buffer;
static uint8_t *frame;

static volatile struct device_window *const window = (void *)WINDOW_ADDRESS(DEVICE_NET0, WINDOW_INFO);
static volatile struct virtio_descriptor *const table = (void *)WINDOW_ADDRESS(DEVICE_NET0, WINDOW_TABLE);
static volatile struct virtio_used *const used = (void *)WINDOW_ADDRESS(DEVICE_NET0, WINDOW_USED);
static volatile struct virtio_available *const available = (void *)WINDOW_ADDRESS(DEVICE_NET0, WINDOW_AVAILABLE);

static volatile struct virtio_entropy *const source = (void *)WINDOW_ADDRESS(DEVICE_ENTROPY, 0);

static volatile uint8_t *window_buffer(uint32_t id) {
    return (volatile uint8_t *)WINDOW_ADDRESS(DEVICE_NET0, WINDOW_BUFFERS + id);
}

int hostile_init(uint32_t generation, int persist_valid) {
    (void)persist_valid;
    generation_now = generation;
    heap_canary = xheap_alloc(PAGE_BYTES);
    buffer = xheap_alloc(sizeof(*buffer));
    frame = xheap_alloc(FRAME_OFFSET + FRAME_BYTES);
    if (heap_canary == NULL || buffer == NULL || frame == NULL)
        return -ENOMEM;
    memset(heap_canary, PATTERN, PAGE_BYTES);
    return 0;
}

static int submit_to(uint32_t device, uint32_t operation, uintptr_t address, uint32_t bytes) {
    *buffer = (struct device_buffer){ .address = address, .bytes = bytes };
    return device_submit(device, operation, buffer, 1);
}

static int submit(uint32_t operation, uintptr_t address, uint32_t bytes) {
    return submit_to(DEVICE_NET0, operation, address, bytes);
}

static void ask_gateway(void) {
    static const uint8_t request[] = { 8, 6, 0, 1, 8, 0, 6, 4, 0, 1 };   // ARP, Ethernet, IPv4, request
    static const uint8_t self[] = { 10, 0, 2, 15 }, gateway[] = { 10, 0, 2, 2 };
    uint8_t *at = frame + FRAME_OFFSET;
    memset(frame, 0, FRAME_OFFSET + FRAME_BYTES);
    memset(at, 0xff, 6);
    memcpy(at + 6, (const void *)window->mac, 6);
    memcpy(at + 12, request, sizeof(request));
    memcpy(at + 22, (const void *)window->mac, 6);
    memcpy(at + 28, self, 4);
    memcpy(at + 38, gateway, 4);
    const int sent = submit(DEVICE_WRITE, (uintptr_t)frame, FRAME_OFFSET + FRAME_BYTES);
    log_line("hostile: sent %d", sent);
}

static bool is_all(const volatile uint8_t *bytes, uint8_t value) {
    for (uint32_t i = 0; i < PAGE_BYTES; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

static void wait_for_used(uint16_t before) {
    const uint64_t deadline_ns = time_now_ns() + ANSWER_NS;
    while (used->index == before && time_now_ns() < deadline_ns)
        (void)!thread_sleep_until(time_now_ns() + ANSWER_NS / 100);
}

// Lets the device write what it was told to, and looks. given: the one buffer that it may write, or none.
static int look(uint32_t given) {
    (void)!submit(DEVICE_NOTIFY, (uintptr_t)buffer, 1);
    for (int i = 0; i < 4; i++)
        ask_gateway();
    wait_for_used(0);
    bool is_intact = is_all(canary, PATTERN) && is_all(heap_canary, PATTERN);
    for (uint32_t id = 0; id < VIRTIO_QUEUE_ENTRIES; id++)
        is_intact = is_intact && (id == given || is_all(window_buffer(id), 0));
    log_line("hostile: the device used %d buffers; %s", used->index, is_intact ? "canaries intact" : "ESCAPE");
    return !is_intact;
}

// All entries of the table name the canary.
static int write_table(void) {
    for (uint32_t i = 0; i < VIRTIO_QUEUE_ENTRIES; i++) {
        table[i].address = (uintptr_t)canary - TEXT_BASE + PHYSICAL_BASE; // faults here: the table is frozen
        available->ring[i] = (uint16_t)i;
    }
    available->index = VIRTIO_QUEUE_ENTRIES;
    return look(VIRTIO_QUEUE_ENTRIES);
}

static int name_index(uint16_t index, uint16_t count) {
    for (uint32_t i = 0; i < VIRTIO_QUEUE_ENTRIES; i++)
        available->ring[i] = index;
    available->index = count;
    return look(index);
}

static int read_features(void) {
    bool is_plain = (window->features & INDIRECT_FEATURE) == 0;
    for (uint32_t i = 0; i < VIRTIO_QUEUE_ENTRIES; i++)
        is_plain = is_plain && table[i].flags == VIRTIO_WRITE && table[i].bytes == PAGE_BYTES;
    log_line("hostile: %s", is_plain ? "no indirect descriptors" : "ESCAPE");
    return !is_plain;
}

// What is submitted must be objects in the shared heap, and cannot be read into.
static int submit_foreign(void) {
    const int private = submit(DEVICE_WRITE, (uintptr_t)canary, FRAME_BYTES);
    const int window_address = submit(DEVICE_WRITE, WINDOW_ADDRESS(DEVICE_NET0, WINDOW_TABLE), FRAME_BYTES);
    const int reading = submit(DEVICE_READ, (uintptr_t)frame, FRAME_BYTES);
    const bool is_refused = private == -EINVAL && window_address == -EINVAL && reading == -EINVAL;
    log_line("hostile: submissions of foreign memory %s", is_refused ? "refused" : "ESCAPE");
    return !is_refused;
}

static int poke(uintptr_t address) {
    *(volatile uint16_t *)address = 0; // faults here
    log_line("hostile: ESCAPE");
    return 1;
}

// ---- a driver that dies with buffers in the device's hands ----

static uint64_t sum_of_buffers(void) {
    const volatile uint64_t *words = (const volatile uint64_t *)window_buffer(0);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < VIRTIO_QUEUE_ENTRIES * PAGE_BYTES / sizeof(*words); i++)
        sum = (sum << 7 | sum >> 57) ^ words[i];
    return sum;
}

static int is_working(void) {
    available->ring[0] = ONLY_BUFFER;
    __atomic_store_n(&available->index, 1, __ATOMIC_RELEASE);
    (void)!submit(DEVICE_NOTIFY, (uintptr_t)buffer, 1);
    ask_gateway();
    wait_for_used(0);
    const bool is_right = used->index == 1 && used->ring[0].id == ONLY_BUFFER;
    log_line("hostile: after the restart the device %s", is_right ? "works" : "does not work");
    return !is_right;
}

// The first generation leaves all buffers with the device, answers on their way, and dies. The next one gives it none
// at first: what the device writes all the same, it writes for the dead. Then the device has to work.
static int die_with_buffers(void) {
    if (generation_now == 1) {
        for (uint32_t i = 0; i < VIRTIO_QUEUE_ENTRIES; i++)
            available->ring[i] = (uint16_t)i;
        __atomic_store_n(&available->index, VIRTIO_QUEUE_ENTRIES, __ATOMIC_RELEASE);
        (void)!submit(DEVICE_NOTIFY, (uintptr_t)buffer, 1);
        for (int i = 0; i < 4; i++)
            ask_gateway();
        __builtin_trap();
    }
    const bool is_empty = used->index == 0 && available->index == 0 && available->ring[1] == 0;
    const uint64_t sum = sum_of_buffers();
    for (int i = 0; i < 4; i++)
        ask_gateway();
    wait_for_used(used->index);
    const bool is_quiet = is_empty && used->index == 0 && sum_of_buffers() == sum;
    log_line("hostile: after the restart the rings are %s, and the device %s", is_empty ? "empty" : "not empty",
             is_quiet ? "is quiet" : "writes for the dead: ESCAPE");
    return is_quiet ? is_working() : 1;
}

// The first generation makes the device give up; the next one finds it well.
static int die_with_nonsense(void) {
    if (generation_now == 1) {
        (void)!name_index(300, 1);
        __builtin_trap();
    }
    return is_working();
}

// ---- the source of entropy ----

static int source_ask(uint32_t times) {
    for (uint32_t i = 0; i < times; i++)
        if (submit_to(DEVICE_ENTROPY, DEVICE_NOTIFY, (uintptr_t)buffer, 1) != 0)
            return 1;
    (void)!thread_sleep_until(time_now_ns() + ANSWER_NS / 10);
    bool is_intact = is_all(canary, PATTERN) && is_all(heap_canary, PATTERN);
    log_line("hostile: the source answered %d times of %d; %s", source->used.index, source->available.index,
             is_intact ? "canaries intact" : "ESCAPE");
    return !is_intact;
}

static int source_write_table(void) {
    source->table[0].address = (uintptr_t)canary - TEXT_BASE + PHYSICAL_BASE; // faults here: the page is read-only
    source->table[0].bytes = PAGE_BYTES;
    return source_ask(1);
}

static int source_submit_foreign(void) {
    const int reading = submit_to(DEVICE_ENTROPY, DEVICE_READ, (uintptr_t)frame, FRAME_BYTES);
    const int writing = submit_to(DEVICE_ENTROPY, DEVICE_WRITE, (uintptr_t)frame, FRAME_BYTES);
    const int private = submit_to(DEVICE_ENTROPY, DEVICE_NOTIFY, (uintptr_t)canary, FRAME_BYTES);
    const bool is_refused = reading == -EINVAL && writing == -EINVAL && private == -EINVAL;
    log_line("hostile: transfers with the source %s", is_refused ? "refused" : "ESCAPE");
    return !is_refused;
}

int hostile_main(void) {
    switch (boot_number("try", 0)) {
    case 0: return write_table();
    case 1: return poke((uintptr_t)used);
    case 2: return poke((uintptr_t)window_buffer(0));
    case 3: return poke((uintptr_t)window);
    case 4: return poke((uintptr_t)window_buffer(VIRTIO_QUEUE_ENTRIES)); // behind the last
    case 5: return poke(MMIO_BASE + boot_number("register", 0));
    case 6: return poke(boot_number("register", 0));
    case 7: return name_index(300, 1);
    case 8: return name_index(ONLY_BUFFER, VIRTIO_QUEUE_ENTRIES + 44);
    case 9: return name_index(ONLY_BUFFER, VIRTIO_QUEUE_ENTRIES);
    case 10: return read_features();
    case 11: return submit_foreign();
    case 12: return source_write_table();
    case 13: return poke((uintptr_t)&source->used);
    case 14: return poke((uintptr_t)source->words);
    case 15: return poke((uintptr_t)source + PAGE_BYTES); // behind its window
    case 16: return source_ask(100000);
    case 17: return source_submit_foreign();
    case 18: return die_with_buffers();
    case 19: return die_with_nonsense();
    }
    return 1;
}
