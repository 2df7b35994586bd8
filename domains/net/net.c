// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// net.c - the entries of the net domain; the interface is in net.h.
//
// Serial: the component lock protects lwIP and all state here; it is released only inside event_wait() and
// thread_sleep_until(). Whoever waits in net_exchange() drives lwIP; net_housekeeping() does when nobody waits.
// What a hostile application could try: changing the batch while it is read (each field is read once, into private
// memory), counts and ranges beyond it, handles of others (socket.c). Addresses were checked by the gate.
#include "net.h"
#include <stdbool.h>
#include "alloc.h"
#include "clock.h"
#include "farewell.h"
#include "flow.h"
#include "link.h"
#include "private_copy.h"
#include "random.h"
#include "socket.h"
#include "thread.h"
#include "timers.h"
#include "lwip/init.h"

#define NS_PER_MS 1000000ull
#define POLL_ROUNDS_MAX 4         // batches of frames per poll, so that senders cannot keep an application waiting
#define HOUSEKEEPING_MS 100
#define RETRY_MS 1                // when the driver is full or dead, or waiting itself fails

static uint64_t waiting; // bit = thread that waits in net_exchange()

// ---- what lwIP asks of its platform, beside timers.c and random.c ----

void *net_calloc(size_t count, size_t bytes) {
    return bytes != 0 && count > SIZE_MAX / bytes ? NULL : heap_zalloc(count * bytes);
}

// ---- driving the stack ----

// The device's event before it was last found empty: as long as it stays, whoever can wait need not ask the device,
// since event_wait() sees what has come since. To ask and hear "nothing" costs three crossings, and on `host` a system
// call.
static uint32_t empty_at;
static bool is_known_empty;

static uint64_t farewell_ns;      // when farewell_send() is to be called again

static uint32_t device_events(void) { return link_event() < 0 ? 0 : event_count((uint32_t)link_event()); }

// Sends, receives and runs timers, without waiting; stops early once wanted events are there for owner. can_wait: what
// the device holds may be left there, because the caller waits for its event from empty_at on.
static void stack_poll(uint32_t owner, uint32_t wanted, bool can_wait) {
    (void)link_flush();
    if (!can_wait || empty_at != device_events())
        is_known_empty = false;
    for (int round = 0; round < POLL_ROUNDS_MAX && !is_known_empty && socket_pending(owner) < wanted; round++) {
        empty_at = device_events(); // before the question: what arrives after it makes event_wait() return at once
        is_known_empty = !link_receive();
    }
    timers_run();
    farewell_ns = farewell_send();
    (void)link_flush();
}

// Threads that wait for the device do not see events that another thread's poll made for them.
static void wake_others(uint32_t self) {
    if ((socket_fresh_owners() & waiting & ~(1ull << self)) != 0 && link_event() >= 0)
        (void)!event_signal((uint32_t)link_event());
}

static uint64_t earlier(uint64_t one_ns, uint64_t other_ns) { return one_ns < other_ns ? one_ns : other_ns; }

// When something has to be done even if no frame comes.
static uint64_t next_timer_ns(uint64_t now_ns) {
    const uint64_t due_ns = earlier(timers_next_ns(), farewell_ns);
    return link_flush() && !link_is_away() ? due_ns : earlier(due_ns, now_ns + RETRY_MS * NS_PER_MS);
}

// Polls until there is an event for self or the deadline is past.
static void wait_for_events(uint32_t self, uint32_t wanted, uint64_t deadline_ns) {
    for (;;) {
        const int event = link_event();
        stack_poll(self, wanted, deadline_ns > time_now_ns());
        wake_others(self);
        if (socket_pending(self) > 0)
            return;
        const uint64_t now_ns = time_now_ns();
        if (deadline_ns <= now_ns)
            return;
        if (!is_known_empty && !link_is_away())
            continue;
        const uint64_t until_ns = earlier(deadline_ns, next_timer_ns(now_ns));
        int result = -EINVAL;
        waiting |= 1ull << self;
        if (event >= 0)
            result = event_wait((uint32_t)event, empty_at, until_ns);
        if (result < 0 && result != -ETIMEDOUT) // no device: time alone moves the stack
            (void)!thread_sleep_until(earlier(until_ns, now_ns + RETRY_MS * NS_PER_MS));
        waiting &= ~(1ull << self);
    }
}

// ---- entries ----

int net_init(uint32_t generation, int persist_valid) {
    (void)generation;
    const int error = random_init(); // first: lwIP draws its first port
    if (error < 0)
        return error;
    lwip_init();
    timers_init();
    socket_init();
    farewell_init(persist_valid);
    return flow_init() < 0 ? -ENOMEM : link_init();
}

// Bit = thread that took a port since this start. Whoever has none, and asks for events, had one before a restart of net
// that it did not see, because it was elsewhere.
static uint64_t served;

static int serve(int result) {
    served |= result > 0 ? 1ull << thread_self() : 0;
    return result;
}

int net_listen(uint16_t port, uint32_t backlog) { return serve(socket_listen(thread_self(), port, backlog)); }

int net_bind(uint16_t port) { return serve(socket_bind(thread_self(), port)); }

static int send_apply(uint32_t self, const struct net_send *send, const void *data, size_t bytes) {
    if (send->offset > bytes || send->bytes > bytes - send->offset || send->bytes > INT32_MAX)
        return -EINVAL;
    return socket_send(self, send, (const uint8_t *)data + send->offset);
}

int net_exchange(struct net_batch *batch, const void *data, size_t bytes) {
    const uint32_t self = thread_self();
    struct { uint64_t deadline_ns; uint32_t send_count, event_count; } head;
    _Static_assert(offsetof(struct net_batch, sends) == sizeof(head), "head is the batch's first fields");
    private_copy(&head, batch, sizeof(head));
    if (head.send_count > NET_SENDS_MAX || head.event_count < 1 || head.event_count > NET_EVENTS_MAX)
        return -EINVAL;
    if (!(served >> self & 1))
        return -ESTALE;
    for (uint32_t i = 0; i < head.send_count; i++) {
        struct net_send send;
        private_copy(&send, &batch->sends[i], sizeof(send));
        batch->sends[i].result = send_apply(self, &send, data, bytes);
    }
    sockets_output();
    wait_for_events(self, head.event_count, head.deadline_ns);
    // Nothing blocks from here to the return: the list of passed objects is this thread's alone.
    const uint32_t count = socket_collect(self, batch->events, head.event_count);
    (void)link_flush();
    batch->event_count = count;
    return (int)count;
}

int net_give(void *data, net_socket_t socket, uint32_t offset, uint32_t bytes) {
    return socket_give(thread_self(), socket, data, offset, bytes);
}

int net_housekeeping(void) {
    for (;;) {
        const uint64_t now_ns = time_now_ns(), latest_ns = now_ns + HOUSEKEEPING_MS * NS_PER_MS;
        // A waiting application runs the timers itself, and then a due timer is no reason to wake here.
        const int result = thread_sleep_until(waiting != 0 ? latest_ns : earlier(next_timer_ns(now_ns), latest_ns));
        if (result < 0)
            return result;
        if (waiting == 0) {
            stack_poll(thread_self(), 1, false);
            wake_others(thread_self());
        }
    }
}
