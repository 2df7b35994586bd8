// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// wire.c - the interfaces are in wire.h and drivers/netdev/netdev.h.
//
// Frames arrive and leave exactly as at a real driver, in objects of their own, so that the same calls cross the same
// boundaries. The clock is read round the generator's work only: stock-keeping and passing on are a driver's.
// Invariant: stock[0..stock_count) are objects of this domain that nobody else uses.
// What a hostile caller could try: ranges beyond its data, changing descriptors while they are read (they are copied once).
#include "wire.h"
#include "boot.h"
#include "clock.h"
#include "device.h"
#include "log.h"
#include "netdev.h"
#include "persist.h"
#include "private_copy.h"
#include "peer.h"
#include "string.h"
#include "thread.h"
#include "xheap.h"

#define RX_OBJECT_BYTES 2048
#define FRAME_OFFSET 2          // aligns the IP header
#define MTU_BYTES 1500
#define POLL_NS 20000000u
#define SILENCE_MAX 250         // polls without progress, once the system announced itself: five seconds

static void *stock[NETDEV_BATCH_MAX];
static uint32_t stock_count;
static int event;
static bool is_drained;         // the last receive took all there was: the caller may be waiting for the event

static uint64_t warm_up, wanted;        // requests until the measurement starts, and until it ends
static PERSISTENT uint64_t own_cycles;  // spent in peer.c
static PERSISTENT uint64_t first_completed, first_cycles, first_own, last_cycles, last_own; // at its start and end

static uint64_t cycles_now(void) {
    uint32_t cpu;
    return __builtin_ia32_rdtscp(&cpu);
}

int wire_init(uint32_t generation, int persist_valid) {
    (void)generation;
    char command[8] = "GET";
    (void)boot_argument("wire_command", command, sizeof(command));
    struct peer_load load = { .connections = (uint32_t)boot_number("wire_connections", 30),
                              .pipeline = (uint32_t)boot_number("wire_pipeline", 1),
                              .port = (uint16_t)boot_number("port", 6379),
                              .is_set = strcmp(command, "SET") == 0 };
    const uint64_t requests = boot_number("wire_requests", 1000000);
    if (load.connections < 1 || load.connections > PEER_CONNECTIONS_MAX || load.pipeline < 1 ||
        load.pipeline > PEER_PIPELINE_MAX || requests < 1 || requests > UINT32_MAX ||
        (!load.is_set && strcmp(command, "GET") != 0))
        return -EINVAL;
    warm_up = load.connections + requests / 8;
    wanted = load.requests = warm_up + requests;
    peer_configure(&load);
    event = device_event(DEVICE_NET0);
    if (event < 0 || !persist_valid)
        return event < 0 ? event : 0;
    if (!peer_resume()) {
        log_line("wire: what was kept of the connections makes no sense: the load is over");
        return 0;
    }
    return event_signal((uint32_t)event); // whoever waits for it would not hear of what is sent again
}

int netdev_info(struct netdev_info *info) {
    *info = (struct netdev_info){
        .mac = { 0x02, 0, 0, 0, 0, 0x02 },
        .mtu = MTU_BYTES,
        .event = (uint32_t)event,
        .offloads = NETDEV_OFFLOAD_CSUM_RX | NETDEV_OFFLOAD_CSUM_TX,
    };
    return 0;
}

int netdev_receive(struct netdev_frame *frames, size_t max) {
    if (max < 1 || max > NETDEV_BATCH_MAX)
        return -EINVAL;
    const uint32_t pending = peer_pending();
    const uint32_t count = pending < max ? pending : (uint32_t)max;
    while (stock_count < count) {
        void *object = xheap_alloc(RX_OBJECT_BYTES);
        if (object == NULL)
            return -ENOMEM;
        stock[stock_count++] = object;
    }
    uint32_t bytes[NETDEV_BATCH_MAX];
    const uint64_t start = cycles_now();
    for (uint32_t i = 0; i < count; i++)
        bytes[i] = peer_output((uint8_t *)stock[i] + FRAME_OFFSET);
    own_cycles += cycles_now() - start;

    is_drained = peer_pending() == 0;
    uint32_t passed = 0, kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        const int index = xheap_pass(stock[i]);
        if (index < 0)
            stock[kept++] = stock[i]; // a frame lost, which the generator will report as silence
        else
            frames[passed++] = (struct netdev_frame){ .object = (uint32_t)index, .offset = FRAME_OFFSET,
                                                      .bytes = bytes[i], .flags = NETDEV_DATA_VALID };
    }
    for (uint32_t i = count; i < stock_count; i++)
        stock[kept++] = stock[i];
    stock_count = kept;
    return (int)passed;
}

// Notes where the measurement starts and ends.
static void take_time(uint64_t now) {
    if (first_cycles == 0 && peer_completed >= warm_up) {
        first_completed = peer_completed;
        first_cycles = now;
        first_own = own_cycles;
    }
    if (last_cycles == 0 && peer_completed >= wanted) {
        last_cycles = now;
        last_own = own_cycles;
    }
}

int netdev_transmit(void *data, size_t bytes, const struct netdev_frame *frames, size_t count) {
    if (count < 1 || count > NETDEV_BATCH_MAX)
        return -EINVAL;
    struct netdev_frame frame[NETDEV_BATCH_MAX];
    private_copy(frame, frames, count * sizeof(*frame));
    for (size_t i = 0; i < count; i++)
        if (frame[i].offset < NETDEV_HEADROOM || frame[i].offset > bytes || frame[i].bytes > bytes - frame[i].offset ||
            frame[i].gso_type != NETDEV_GSO_NONE)
            return -EINVAL;
    const uint64_t start = cycles_now();
    for (size_t i = 0; i < count; i++)
        peer_input((const uint8_t *)data + frame[i].offset, frame[i].bytes);
    const uint64_t now = cycles_now();
    own_cycles += now - start;
    take_time(now);
    if (is_drained && peer_pending() > 0) {
        is_drained = false;
        (void)!event_signal((uint32_t)event);
    }
    return (int)count;
}

int wire_report(void) {
    uint64_t completed = 0;
    for (uint32_t silence = 0; last_cycles == 0 && silence < SILENCE_MAX; silence++) {
        if (thread_sleep_until(time_now_ns() + POLL_NS) < 0)
            return 1;
        if (completed != peer_completed)
            silence = 0;
        completed = peer_completed;
    }
    if (last_cycles == 0) {
        log_line("WIRE stalled completed=%lu of=%lu wrong=%lu", completed, wanted, peer_wrong);
        return 1;
    }
    log_line("WIRE requests=%lu cycles=%lu own=%lu wrong=%lu", wanted - first_completed, last_cycles - first_cycles,
             last_own - first_own, peer_wrong);
    return peer_wrong == 0 ? 0 : 1;
}
