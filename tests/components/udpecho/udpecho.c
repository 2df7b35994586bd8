// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// udpecho.c - see udpecho.h. Replies of one batch are gathered in one object, as kv does.
#include "udpecho.h"
#include "format.h"
#include "log.h"
#include "net.h"
#include "string.h"
#include "thread.h"
#include "xheap.h"

#define PORT 7
#define BATCH 32 // as many of the largest as the object for the replies has room for
_Static_assert(BATCH * (NET_DATAGRAM_MAX + 1) <= XHEAP_OBJECT_MAX, "room for a batch");

static struct net_batch *batch;
static char *replies;
static uint32_t replies_used;
static net_socket_t bound;

int udpecho_init(uint32_t generation, int persist_valid) {
    (void)generation;
    (void)persist_valid;
    batch = xheap_alloc(sizeof(*batch));
    replies = xheap_alloc(XHEAP_OBJECT_MAX);
    return batch == NULL || replies == NULL ? -ENOMEM : 0;
}

// Adds bytes, which lie at the end of the replies, to the sends: back to the sender of event.
static void answer(const struct net_event *event, uint32_t bytes) {
    struct net_send *send = &batch->sends[batch->send_count++];
    *send = (struct net_send){ .socket = bound, .offset = replies_used, .bytes = bytes, .port = event->port };
    memcpy(send->address, event->address, sizeof(send->address));
    replies_used += bytes;
}

// Sends alone, and drops whatever arrives meanwhile.
static int32_t send_alone(const struct net_send *send) {
    batch->sends[0] = *send;
    batch->send_count = 1;
    batch->event_count = 1;
    batch->deadline_ns = 0;
    const int count = net_exchange(batch, replies, XHEAP_OBJECT_MAX);
    for (int i = 0; i < count; i++) {
        void *object = xheap_take(batch->events[i].object);
        if (object != NULL)
            (void)xheap_free(object);
    }
    batch->send_count = 0;
    return batch->sends[0].result;
}

static void try_errors(const struct net_event *event) {
    struct net_send good = { .socket = bound, .bytes = 1, .port = event->port };
    memcpy(good.address, event->address, sizeof(good.address));
    struct net_send too_large = good, no_port = good, no_address = good, no_socket = good, outside = good;
    too_large.bytes = NET_DATAGRAM_MAX + 1;
    no_port.port = 0;
    memset(no_address.address, 0, sizeof(no_address.address));
    no_socket.socket = bound + 1;
    outside.offset = XHEAP_OBJECT_MAX;
    const int results[] = { send_alone(&too_large), send_alone(&no_port), send_alone(&no_address), send_alone(&no_socket),
                            send_alone(&outside), net_bind(0) };
    const size_t bytes = format(replies, 200, "%d %d %d %d %d %d", results[0], results[1], results[2], results[3], results[4],
                                results[5]);
    replies_used = 0;
    answer(event, (uint32_t)bytes);
}

static void try_again(const struct net_event *event) {
    const net_socket_t old = bound;
    const int now = net_bind(PORT);
    const struct net_send stale = { .socket = old, .bytes = 1, .port = event->port, .address = { 10, 7, 0, 1 } };
    const int32_t result = send_alone(&stale);
    bound = (net_socket_t)now;
    replies_used = 0;
    answer(event, (uint32_t)format(replies, 200, "%d %d", result, now > 0 && bound != old));
}

static void handle(const struct net_event *event, const char *object) {
    const char *payload = object == NULL ? "" : object + event->offset;
    if (event->kind != NET_DATAGRAM || event->bytes > NET_DATAGRAM_MAX || (object == NULL) != (event->bytes == 0))
        log_line("udpecho: wrong event: kind %u, %u bytes", event->kind, event->bytes);
    else if (event->bytes == 6 && memcmp(payload, "errors", 6) == 0)
        try_errors(event);
    else if (event->bytes == 5 && memcmp(payload, "again", 5) == 0)
        try_again(event);
    else {
        memcpy(replies + replies_used, payload, event->bytes);
        answer(event, event->bytes);
    }
}

int udpecho_run(void) {
    const int handle_or_error = net_bind(PORT);
    if (handle_or_error < 0)
        return handle_or_error;
    bound = (net_socket_t)handle_or_error;
    log_line("udpecho: ready");
    for (;;) {
        static struct net_event events[BATCH];
        void *objects[BATCH];
        batch->deadline_ns = DEADLINE_NEVER;
        batch->event_count = BATCH;
        const int count = net_exchange(batch, replies_used > 0 ? replies : NULL, replies_used);
        if (count < 0)
            return count;
        memcpy(events, batch->events, (size_t)count * sizeof(events[0]));
        for (int i = 0; i < count; i++)
            objects[i] = xheap_take(events[i].object);
        batch->send_count = 0;
        replies_used = 0;
        for (int i = 0; i < count; i++)
            handle(&events[i], objects[i]);
        for (int i = 0; i < count; i++)
            if (objects[i] != NULL)
                (void)xheap_free(objects[i]);
    }
}
