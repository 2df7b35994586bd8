// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// server.c - one round after the other: hand over a batch of replies, take a batch of events, execute.
//
// Replies of a round are gathered in one shared-heap object, at most one piece per connection, and cross to `net` in one
// call together with the wish for events; received bytes arrive as objects of ours.
// Between both the round's changes go to the append-only log, when its policy is `always`: no reply leaves before.
// Invariants: every object taken is freed in the round in which it came; whatever is read from the batch, which `net` and
// everybody else can write, is read once and checked; a round never waits while the ready list holds a connection that can go on.
#include "alloc.h"
#include "boot.h"
#include "clock.h"
#include "connection.h"
#include "copy.h"
#include "domain.h"
#include "kv.h"
#include "log.h"
#include "patience.h"
#include "persistence.h"
#include "secret.h"
#include "string.h"
#include "system.h"
#include "thread.h"
#include "xheap.h"

#define PORT 6379
#define BACKLOG 511            // Redis: tcp-backlog
#define SWEEP_NS 100000000     // as Redis: ten times a second
#define SWEEP_BUCKETS 4096     // some 100 microseconds
#define SHUTDOWN_ROUNDS 1000   // then whoever does not read is left alone
#define REPLIES_BYTES XHEAP_OBJECT_MAX
#define RESERVE_SHIFT 3        // one eighth of our part of the heap is not for the store, but for connections

struct gathered {              // private twin of a net_send
    net_socket_t socket;
    uint32_t offset, bytes;
    bool from_output;          // a copy: output keeps the bytes until they are sent
    bool close;
};

static struct store store;
static struct connection_table connections;
static struct net_batch *batch; // shared heap
static char *replies;           // shared heap
static struct gathered sends[NET_SENDS_MAX];
static struct net_event events[NET_EVENTS_MAX];
static char *objects[NET_EVENTS_MAX];
static uint32_t send_count;
static size_t replies_used;
static uint64_t round_number;

int kv_init(uint32_t generation, int persist_valid) {
    (void)generation;
    (void)persist_valid;
    uint64_t secret[2];
    int error = secret_draw("kv", secret);
    if (error < 0)
        return error;
    size_t heap_bytes = (size_t)CONFIG_KV_HEAP_KIB * 1024, reserve = heap_bytes >> RESERVE_SHIFT;
    store_open(&store, secret[0], secret[1], heap_bytes - reserve);
    connections = (struct connection_table){.store = &store, .input_limit = reserve / 2, .output_limit = reserve / 2,
                                            .clients = {.started_ns = time_now_ns()}};
    batch = xheap_alloc(sizeof(*batch));
    replies = xheap_alloc(REPLIES_BYTES);
    return batch && replies ? 0 : -ENOMEM;
}

static struct gathered *gather(net_socket_t socket, size_t bytes) {
    sends[send_count] = (struct gathered){.socket = socket, .offset = (uint32_t)replies_used, .bytes = (uint32_t)bytes};
    replies_used += bytes;
    return &sends[send_count++];
}

// Lets connection execute requests; its replies become its entry in this round's sends when it may have one.
static void feed(struct connection *connection, const char *input, size_t bytes) {
    struct gathered *last = send_count ? &sends[send_count - 1] : NULL;
    bool extend = last && last->socket == connection->socket && !last->from_output && !last->close;
    bool fresh = connection->round != round_number && send_count < NET_SENDS_MAX && !connection->blocked;
    size_t room = extend || fresh ? REPLIES_BYTES - replies_used : 0;
    uint32_t first_mark = store.journal.mark_count;
    size_t used = connection_input(&connections, connection, input, bytes, replies + replies_used, room);
    for (uint32_t i = first_mark; i < store.journal.mark_count; i++) {
        struct journal_mark *mark = &store.journal.marks[i];
        mark->socket = connection->socket;
        mark->start += extend ? last->bytes : 0;
        mark->end += extend ? last->bytes : 0;
    }
    if (!used)
        return;
    if (extend) {
        last->bytes += (uint32_t)used;
        replies_used += used;
    } else {
        gather(connection->socket, used);
        connection->round = round_number;
    }
}

static void free_object(char *object) {
    int result = object ? xheap_free(object) : 0;
    (void)result; // not ours after all: nothing to give back
}

// Gives its large replies to `net` until that cannot queue more. False when the connection is no more.
static bool give_all(struct connection *connection) {
    while (connection->gifts.first && !connection->blocked) {
        uint32_t bytes;
        char *object = gifts_take(&connection->gifts, &bytes);
        int result = net_give(object, connection->socket, 0, bytes);
        if (result == -EDOMAINDEAD && xheap_owner_of(object, 1) == domain_self)
            free_object(object); // `net` was dead before it could be given anything
        if (result < 0) {
            connection_drop(&connections, connection);
            return false;
        }
        connection->blocked = (uint32_t)result < bytes;
    }
    connection_settle(&connections, connection);
    return true;
}

// Adds what waits in the ready connections to this round's sends. Returns whether some of them need another round at once.
static bool gather_ready(void) {
    bool more = false;
    for (struct connection *connection = connections.first_ready, *next; connection; connection = next) {
        next = connection->next;
        if (connection->gifts.first && connection->round != round_number &&
            (!give_all(connection) || !connection->ready))
            continue;
        size_t room = REPLIES_BYTES - replies_used, waiting = buffer_bytes(&connection->output);
        if (connection->round == round_number || send_count == NET_SENDS_MAX || (waiting && !room)) {
            more = true;
        } else if (waiting) {
            size_t bytes = waiting < room ? waiting : room;
            copy_data(replies + replies_used, buffer_first(&connection->output), bytes);
            gather(connection->socket, bytes)->from_output = true;
            connection->round = round_number;
            more |= bytes < waiting || connection->stalled || connection->closing;
        } else if (connection->closing) {
            gather(connection->socket, 0)->close = true;
            connection->round = round_number;
        } else {
            feed(connection, NULL, 0); // was stalled, and its replies have gone
            more |= connection->ready;
        }
    }
    return more;
}

// Keeps what was to go before all that waits. False without memory.
static bool keep_first(struct connection *connection, const char *data, size_t bytes) {
    const struct gift_part part = {data, bytes};
    if (connection->gifts.first)
        return gifts_add(&connection->gifts, true, &part, 1, connections.output_limit);
    return buffer_prepend(&connection->output, data, bytes, connections.output_limit);
}

// What became of one send.
static void settle_send(const struct gathered *send, int32_t result) {
    struct connection *connection = connection_find(&connections, send->socket);
    if (!connection)
        return;
    if (result < 0 || send->close) {
        connection_drop(&connections, connection);
        return;
    }
    uint32_t moved = (uint32_t)result < send->bytes ? (uint32_t)result : send->bytes;
    connection->blocked = moved < send->bytes;
    if (send->from_output) {
        buffer_consume(&connection->output, moved);
    } else if (connection->blocked && !keep_first(connection, replies + send->offset + moved, send->bytes - moved)) {
        gifts_clear(&connection->gifts);
        connection->closing = true;
        connection->blocked = false;
        buffer_consume(&connection->output, buffer_bytes(&connection->output));
    }
    connection_settle(&connections, connection);
}

// A handle that we do not know: we just closed it, or had no memory for it. Either way we are done with it.
static void refuse(net_socket_t socket) {
    if (send_count < NET_SENDS_MAX)
        gather(socket, 0)->close = true;
}

static void handle_event(const struct net_event *event, const char *object) {
    struct connection *connection = connection_find(&connections, event->socket);
    switch (event->kind) {
    case NET_ACCEPTED:
        if (!connection_open(&connections, event->socket))
            refuse(event->socket);
        break;
    case NET_RECEIVED:
        if (!connection) {
            refuse(event->socket);
            break;
        }
        size_t room = object ? xheap_room(object) : 0;
        if (event->offset > room || event->bytes > room - event->offset) { // lost with a dead `net`, or a lie
            connection->closing = true;
            connection_settle(&connections, connection);
        } else {
            feed(connection, object + event->offset, event->bytes);
        }
        break;
    case NET_WRITABLE:
        if (connection) {
            connection->blocked = false;
            connection_settle(&connections, connection);
        }
        break;
    case NET_CLOSED:
        if (connection)
            connection_drop(&connections, connection);
        break;
    }
}

// The writes of this round are not in the log: their clients hear that instead of what was gathered for them.
static void refuse_writes(void) {
    struct journal *journal = &store.journal;
    char refusal[JOURNAL_REFUSAL_MAX];
    journal_refusal(journal, refusal);
    for (uint32_t i = 0; i < journal->mark_count; i++) {
        struct connection *connection = connection_find(&connections, journal->marks[i].socket);
        uint32_t j = 0, before = 0;
        while (before < i && journal->marks[before].socket != journal->marks[i].socket)
            before++;
        if (!connection || before < i) // it has gone; it was treated with its first mark
            continue;
        while (j < send_count && (sends[j].socket != connection->socket || sends[j].from_output || sends[j].close))
            j++;
        struct gathered *send = j < send_count ? &sends[j] : NULL;
        connection_refuse(&connections, connection, replies + (send ? send->offset : 0), send ? send->bytes : 0,
                          journal->marks, journal->mark_count, refusal);
        if (send) {
            memmove(send, send + 1, (size_t)(&sends[--send_count] - send) * sizeof(*send));
            connection->round = round_number - 1; // it may have another entry
        }
    }
    journal->mark_count = 0;
}

// Writes what the log's policy says. False when there are other replies to gather now.
static bool log_changes(void) {
    uint64_t due_ns = journal_due(&store.journal);
    if (due_ns && (due_ns == DEADLINE_NEVER || time_now_ns() < due_ns))
        return true;
    if (journal_flush(&store) == 0 || !store.journal.mark_count)
        return true;
    refuse_writes();
    return false;
}

// Removes some of the keys whose time has come, every SWEEP_NS while any has an end. Returns when to come again.
static uint64_t sweep(void) {
    static uint64_t next_ns;
    if (!store.expiring)
        return DEADLINE_NEVER;
    uint64_t now_ns = time_now_ns();
    if (now_ns >= next_ns) {
        store_sweep(&store, SWEEP_BUCKETS);
        next_ns = now_ns + SWEEP_NS;
    }
    return next_ns;
}

// Hands over the sends, takes the events and handles them; these gather the sends of the next round. Returns 0 or the
// error of net_exchange.
static int exchange(void) {
    bool more = gather_ready() || connections.clients.shutdown;
    uint64_t deadline_ns = more ? 0 : sweep();
    if (journal_is_pending(&store.journal)) {
        uint64_t due_ns = log_changes() ? journal_due(&store.journal) : 0;
        deadline_ns = due_ns < deadline_ns ? due_ns : deadline_ns;
    }
    uint64_t guard_ns = patience_guard();
    deadline_ns = guard_ns < deadline_ns ? guard_ns : deadline_ns;
    for (uint32_t i = 0; i < send_count; i++)
        batch->sends[i] = (struct net_send){.socket = sends[i].socket, .offset = sends[i].offset, .bytes = sends[i].bytes,
                                            .close = sends[i].close};
    batch->deadline_ns = deadline_ns;
    batch->send_count = send_count;
    batch->event_count = NET_EVENTS_MAX;
    int taken = net_exchange(batch, replies_used ? replies : NULL, replies_used);
    if (taken < 0)
        return taken;
    uint32_t event_count = taken < NET_EVENTS_MAX ? (uint32_t)taken : NET_EVENTS_MAX;
    memcpy(events, batch->events, event_count * sizeof(events[0]));
    for (uint32_t i = 0; i < event_count; i++) // before anything else calls a gate that gives
        objects[i] = events[i].kind == NET_RECEIVED ? xheap_take(events[i].object) : NULL;
    for (uint32_t i = 0; i < send_count; i++)
        settle_send(&sends[i], *(volatile int32_t *)&batch->sends[i].result);
    send_count = 0;
    replies_used = 0;
    round_number++;
    for (uint32_t i = 0; i < event_count; i++)
        handle_event(&events[i], objects[i]);
    for (uint32_t i = 0; i < event_count; i++)
        free_object(objects[i]);
    if (journal_is_pending(&store.journal))
        log_changes(); // before the next round gives large replies to `net`, which tell of these changes
    return 0;
}

// Listens, as soon as `net` is there. Returns 0, or an error that waiting does not cure.
static int listen_again(uint16_t port) {
    connection_table_clear(&connections);
    send_count = 0;
    replies_used = 0;
    store.journal.mark_count = 0;
    for (struct patience patience = {.until_ns = DEADLINE_NEVER};;) {
        int listener = net_listen(port, BACKLOG);
        if (listener > 0)
            return 0;
        if (listener == -EINVAL || listener == -EADDRINUSE || !patience_wait(&patience))
            return listener;
    }
}

// After SHUTDOWN: closes every connection.
static void close_all(void) {
    for (size_t i = 0; i < connections.size; i++)
        if (connections.entries[i]) {
            connections.entries[i]->closing = true;
            connection_settle(&connections, connections.entries[i]);
        }
    for (unsigned i = 0; i < SHUTDOWN_ROUNDS && connections.clients.count; i++)
        if (exchange() < 0)
            break;
}

int kv_main(void) {
    uint16_t port = (uint16_t)boot_number("port", PORT);
    patience_guard();
    persistence_start(&store);
    for (;;) {
        int result = listen_again(port);
        if (result < 0) {
            log_line("kv: cannot listen on port %u: error %d", port, -result);
            return result;
        }
        log_line("kv: port %u, %zu MiB for data, %lu us from the start: ready", port, store.memory.limit_bytes >> 20,
                 (time_now_ns() - public_area.start_ns) / 1000);
        do
            result = exchange();
        while ((result >= 0 || result == -ENOSTACK) && !connections.clients.shutdown);
        if (connections.clients.shutdown) {
            close_all();
            if (journal_is_pending(&store.journal)) {
                int result = journal_flush(&store);
                (void)result; // said already
            }
            log_line("kv: SHUTDOWN");
            return system_stop(SYSTEM_SHUTDOWN);
        }
        log_line("kv: net failed with error %d; %zu keys kept", -result, store_count(&store));
    }
}
