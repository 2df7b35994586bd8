// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// virtio_net.c - ring 0's part of the network device: the receive queue's frozen table, and sending.
//
// Received bytes go into the driver's window (core/include/virtio_ring.h) and nowhere else: the table that says so is
// written once, here, and nobody else can write it; INDIRECT_DESC, by which the driver could bring a table of its own,
// is never negotiated. So the driver runs the receive queue by itself, and ring 0 only kicks it when the device went to
// sleep for want of buffers. Sent frames have lengths, which a frozen table cannot have: net_submit() copies each into
// pages of ring 0 and writes the descriptors. Those never have VIRTIO_WRITE, so the device writes nothing there.
// A driver that died leaves buffers with the device. net_reset() has the device forget them, and only when it says
// that it has (the true point at which its DMA is over) are the rings cleared and given to it again: the same frames,
// as empty as at the start. Invariant: descriptor i of the send queue names send page i, in every state; free ones form
// a list by their next field.
#include "pc.h"
#include "autoconf.h"
#include "virtio_transport.h"

#define TYPE_NET 1
#define QUEUE_RECEIVE 0
#define QUEUE_SEND 1
// Of the network device's features (5.1.3) those that drivers/virtio-net can use.
#define FEATURES_WANTED (VIRTIO_EVENT_INDEX | VIRTIO_NET_CSUM | VIRTIO_NET_GUEST_CSUM | VIRTIO_NET_MAC | \
                         VIRTIO_NET_GUEST_TSO4 | VIRTIO_NET_HOST_TSO4 | VIRTIO_NET_MERGE)

static struct virtio net;
static bool is_open, is_interrupted;
static struct { uintptr_t table, available, used; } areas[VIRTIO_QUEUES]; // frames, taken once
static struct device_window *info;

static struct {
    struct virtio_descriptor *table;  // ring 0's own frames
    struct virtio_available *available;
    volatile struct virtio_used *used;
    uint8_t *pages[VIRTIO_QUEUE_ENTRIES];
    uint16_t first_free, free, reaped;
    uint16_t parts[VIRTIO_QUEUE_ENTRIES]; // by first descriptor: of the frame that the device has; 0: it has none
} sending;

static void interrupted(void) {
    virtio_acknowledge(&net);
    is_interrupted = true;
}

bool net_is_ready(void) {
    bool was = is_interrupted;
    is_interrupted = false;           // it comes again when the driver has asked for it and there is something new
    return was;
}

// The frames of the driver's window, and the table that says where the device may write.
static void receive_prepare(uint32_t key) {
    uintptr_t frames[WINDOW_BUFFERS];
    for (uint32_t page = 0; page < WINDOW_BUFFERS; page++) {
        frames[page] = frame_take();
        bool is_writable = page == WINDOW_AVAILABLE || (page == WINDOW_TABLE && !table_is_frozen);
        window_map(WINDOW_ADDRESS(DEVICE_NET0, page), frames[page], key, is_writable);
    }
    info = frame_memory(frames[WINDOW_INFO]);
    areas[QUEUE_RECEIVE].table = frames[WINDOW_TABLE];
    areas[QUEUE_RECEIVE].available = frames[WINDOW_AVAILABLE];
    areas[QUEUE_RECEIVE].used = frames[WINDOW_USED];
    struct virtio_descriptor *table = frame_memory(frames[WINDOW_TABLE]);
    for (uint32_t i = 0; i < VIRTIO_QUEUE_ENTRIES; i++) {
        uintptr_t frame = frame_take();
        window_map(WINDOW_ADDRESS(DEVICE_NET0, WINDOW_BUFFERS + i), frame, key, false);
        table[i] = (struct virtio_descriptor){ .address = frame, .bytes = PAGE_BYTES, .flags = VIRTIO_WRITE };
    }
}

static void sending_prepare(void) {
    areas[QUEUE_SEND].table = frame_take();
    areas[QUEUE_SEND].available = frame_take();
    areas[QUEUE_SEND].used = frame_take();
    sending.table = frame_memory(areas[QUEUE_SEND].table);
    sending.available = frame_memory(areas[QUEUE_SEND].available);
    sending.used = frame_memory(areas[QUEUE_SEND].used);
    for (uint32_t i = 0; i < VIRTIO_QUEUE_ENTRIES; i++) {
        sending.table[i].address = frame_take();
        sending.pages[i] = frame_memory(sending.table[i].address);
    }
}

static void sending_clear(void) {
    for (uint32_t i = 0; i < VIRTIO_QUEUE_ENTRIES; i++) {
        sending.table[i].next = (uint16_t)(i + 1);
        sending.parts[i] = 0;
    }
    sending.free = VIRTIO_QUEUE_ENTRIES;
    sending.first_free = sending.reaped = 0;
    sending.available->flags = VIRTIO_NO_INTERRUPT;
    sending.available->used_event = UINT16_MAX / 2;
}

static void page_clear(uintptr_t frame) {
    void *page = frame_memory(frame);
    size_t words = PAGE_BYTES / 8;
    __asm__ volatile("rep stosq" : "+D"(page), "+c"(words) : "a"(0ull) : "memory");
}

// The device is reset, and not at work yet. The tables say what they said: nobody else could write them.
static bool queues_open(void) {
    info->features = net.features;
    for (uint32_t i = 0; i < sizeof(info->mac); i++) info->mac[i] = virtio_config(&net, i);
    for (uint32_t queue = 0; queue < VIRTIO_QUEUES; queue++) {
        page_clear(areas[queue].available);
        page_clear(areas[queue].used);
    }
    sending_clear();
    for (uint32_t queue = 0; queue < VIRTIO_QUEUES; queue++)
        if (!virtio_queue_open(&net, queue, VIRTIO_QUEUE_ENTRIES, areas[queue].table, areas[queue].available,
                               areas[queue].used))
            return false;
    virtio_finish(&net);
    return true;
}

void net_start(void) {
    uint32_t domain = device_table[DEVICE_NET0].domain;
    if (domain == 0 || !virtio_start(&net, TYPE_NET, FEATURES_WANTED)) return;
    if (!virtio_interrupt_open(&net, interrupted)) return;
    receive_prepare(domain_table[domain].pkey);
    sending_prepare();
    is_open = queues_open();
}

int net_reset(void) {
    if (info == NULL || !device_is_reset) return 0; // there is none
    is_interrupted = true;                          // who waits for it looks again: he may have been told of nothing
    is_open = virtio_start(&net, TYPE_NET, FEATURES_WANTED) && queues_open();
    if (!is_open) virtio_stop(&net);
    return is_open ? 0 : -EIO;
}

// ---- sending

static void reap(void) {
    for (; sending.reaped != sending.used->index; sending.reaped++) {
        uint32_t head = sending.used->ring[sending.reaped % VIRTIO_QUEUE_ENTRIES].id, last = head;
        if (head >= VIRTIO_QUEUE_ENTRIES || sending.parts[head] == 0)
            nucleus_panic("the network device returned what it does not have; descriptor", head);
        for (uint32_t i = 1; i < sending.parts[head]; i++) last = sending.table[last].next;
        sending.table[last].next = sending.first_free;
        sending.first_free = (uint16_t)head;
        sending.free += sending.parts[head];
        sending.parts[head] = 0;
    }
}

static void send(const uint8_t *frame, uint32_t bytes) {
    uint16_t head = sending.first_free, at = head;
    for (;; at = sending.table[at].next) {
        uint32_t part = bytes < PAGE_BYTES ? bytes : PAGE_BYTES;
        uint8_t *to = sending.pages[at];
        size_t left = part;
        __asm__ volatile("rep movsb" : "+D"(to), "+S"(frame), "+c"(left) : : "memory");
        bytes -= part;
        sending.parts[head]++;
        sending.table[at].bytes = part;
        sending.table[at].flags = bytes > 0 ? VIRTIO_NEXT : 0;
        if (bytes == 0) break;
    }
    sending.first_free = sending.table[at].next;
    sending.free -= sending.parts[head];
    uint16_t index = sending.available->index;
    sending.available->ring[index % VIRTIO_QUEUE_ENTRIES] = head;
    __atomic_store_n(&sending.available->index, (uint16_t)(index + 1), __ATOMIC_RELEASE);
}

static bool wants_kick(uint16_t before) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST); // the index, before the question whether somebody looks at it
    if ((net.features & VIRTIO_EVENT_INDEX) == 0) return (sending.used->flags & VIRTIO_NO_NOTIFY) == 0;
    return virtio_is_passed(sending.used->available_event, before, sending.available->index);
}

// The event when the device has gone on: for who found the queue full and waits. Otherwise sent frames tell nobody.
static void interrupt_when_done(bool is_wanted) {
    sending.available->flags = is_wanted ? 0 : VIRTIO_NO_INTERRUPT;
    sending.available->used_event = (uint16_t)(sending.reaped + (is_wanted ? 0 : UINT16_MAX / 2));
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (is_wanted && sending.used->index != sending.reaped) is_interrupted = true; // it has, before it could know
}

// What a hostile driver could try: the monitor has checked that each buffer is in one live object; here only where it
// lies.
int net_submit(uint32_t operation, struct device_buffer *buffers, size_t count) {
    if (!is_open) return -ENODEV;
    if (operation == DEVICE_NOTIFY) {
        virtio_kick(&net, QUEUE_RECEIVE);
        return 0;
    }
    if (operation != DEVICE_WRITE) return -EINVAL;
    uint16_t before = sending.available->index;
    size_t done = 0;
    int error = 0;
    reap();
    for (; done < count; done++) {
        uint64_t address = buffers[done].address;
        uint32_t bytes = buffers[done].bytes, pages = (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
        bool is_heap = address >= ARENA_BASE && address <= MAP_END && bytes <= MAP_END - address;
        if (!is_heap || bytes == 0 || !memory_touch(address, bytes)) error = -EINVAL;
        if (error != 0 || pages > sending.free) break;
        send(alias_of(address), bytes);
        buffers[done].result = (int32_t)bytes;
    }
    interrupt_when_done(done < count);
    if (done == 0 && error == 0 && virtio_has_failed(&net)) return -EIO; // its queue is full, and stays so
    if (sending.available->index != before && wants_kick(before)) virtio_kick(&net, QUEUE_SEND);
    return error != 0 && done == 0 ? error : (int)done;
}
