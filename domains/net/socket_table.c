// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// socket_table.c - see socket_table.h; socket_pending() and socket_fresh_owners() are in socket.h.
#include "socket_table.h"
#include "alloc.h"
#include "farewell.h"
#include "persist.h"
#include "random.h"
#include "socket.h"
#include "string.h"

#define GENERATION_MAX 0x7fff   // so that a handle is positive as an int

#define BLOCK_SOCKETS 64

// Of each socket ever, also of those before a restart, whose handles must not fit a new connection; 0: there was none.
static PERSISTENT uint16_t generations[SOCKETS_MAX];

static struct socket *blocks[(SOCKETS_MAX + BLOCK_SOCKETS - 1) / BLOCK_SOCKETS];
static struct socket *free_sockets;
static uint32_t free_count;
uint32_t sockets_made;

struct socket_owner socket_owners[THREAD_MAX];
_Static_assert(THREAD_MAX <= 64, "one bit per owner");
static uint64_t fresh_owners;

net_socket_t socket_handle(const struct socket *socket) {
    return (uint32_t)socket->generation << 16 | socket->index;
}

struct socket *socket_find(net_socket_t handle) {
    const uint32_t index = handle & 0xffff;
    if (index >= sockets_made)
        return NULL;
    struct socket *socket = socket_at(index);
    return socket->state == SOCKET_FREE || socket->generation != handle >> 16 ? NULL : socket;
}

struct socket *socket_at(uint32_t index) { return &blocks[index / BLOCK_SOCKETS][index % BLOCK_SOCKETS]; }

// 1..GENERATION_MAX: a handle is never 0. What was kept may be anything.
static uint16_t generation_next(uint32_t index) {
    if (generations[index] == 0)
        generations[index] = (uint16_t)(net_random() % GENERATION_MAX);
    return generations[index] = (uint16_t)(generations[index] % GENERATION_MAX + 1);
}

static bool make_block(void) {
    if (sockets_made == SOCKETS_MAX)
        return false;
    struct socket *block = heap_zalloc(BLOCK_SOCKETS * sizeof(*block));
    if (block == NULL)
        return false;
    blocks[sockets_made / BLOCK_SOCKETS] = block;
    for (uint32_t i = 0; i < BLOCK_SOCKETS && sockets_made < SOCKETS_MAX; i++) {
        block[i].index = sockets_made++;
        block[i].generation = generation_next(block[i].index);
        block[i].next = free_sockets;
        free_sockets = &block[i];
        free_count++;
    }
    return true;
}

bool socket_reserve(uint32_t count) {
    while (free_count < count)
        if (!make_block())
            return false;
    return true;
}

struct socket *socket_new(enum socket_state state, uint32_t owner) {
    if (!socket_reserve(1))
        return NULL;
    struct socket *socket = free_sockets;
    free_sockets = socket->next;
    free_count--;
    *socket = (struct socket){ .generation = socket->generation, .index = socket->index };
    socket->state = (uint8_t)state;
    socket->owner = (uint8_t)owner;
    return socket;
}

void socket_ready(struct socket *socket) {
    struct socket_owner *owner = &socket_owners[socket->owner];
    socket->is_ready = true;
    socket->next = NULL;
    socket->previous = owner->last;
    *(owner->last != NULL ? &owner->last->next : &owner->first) = socket;
    owner->last = socket;
    owner->ready++;
}

void socket_unready(struct socket *socket) {
    struct socket_owner *owner = &socket_owners[socket->owner];
    *(socket->previous != NULL ? &socket->previous->next : &owner->first) = socket->next;
    *(socket->next != NULL ? &socket->next->previous : &owner->last) = socket->previous;
    socket->is_ready = false;
    owner->ready--;
}

void socket_event_queued(struct socket *socket) {
    socket->events++;
    if (socket->is_paused)
        return;
    socket_owners[socket->owner].events++;
    fresh_owners |= 1ull << socket->owner;
    if (!socket->is_ready)
        socket_ready(socket);
}

void socket_pause(struct socket *socket) {
    socket->is_paused = true;
    socket_owners[socket->owner].events -= socket->events;
    if (socket->is_ready)
        socket_unready(socket);
}

void socket_resume(struct socket *socket) {
    if (!socket->is_paused)
        return;
    socket->is_paused = false;
    socket_owners[socket->owner].events += socket->events;
    if (socket->events > 0) {
        fresh_owners |= 1ull << socket->owner;
        socket_ready(socket);
    }
}

void socket_event_delivered(struct socket *socket) {
    socket->events--;
    socket_owners[socket->owner].events--;
}

void socket_frame_queue(struct socket *socket, struct rx_frame *frame, struct pbuf *held) {
    frame->held = held;
    *(socket->rx_last != NULL ? &socket->rx_last->next : &socket->rx_first) = frame;
    socket->rx_last = frame;
    socket->frames++;
    socket_event_queued(socket);
}

struct rx_frame *socket_frame_unqueue(struct socket *socket) {
    struct rx_frame *frame = socket->rx_first;
    socket->rx_first = frame->next;
    if (socket->rx_first == NULL)
        socket->rx_last = NULL;
    frame->next = NULL;
    socket->frames--;
    return frame;
}

void socket_accept_done(net_socket_t listener) {
    struct socket *socket = socket_find(listener);
    if (socket != NULL && socket->waiting > 0)
        socket->waiting--;
}

void socket_free(struct socket *socket) {
    if (socket->is_new)
        socket_accept_done(socket->listener);
    while (socket->rx_first != NULL)
        (void)pbuf_free(socket_frame_unqueue(socket)->held);
    socket_resume(socket);
    if (socket->is_ready)
        socket_unready(socket);
    socket_owners[socket->owner].events -= socket->events;
    socket->state = SOCKET_FREE;
    farewell_forget(socket);
    socket->is_output_due = false;
    socket->generation = generation_next(socket->index);
    socket->next = free_sockets;
    free_sockets = socket;
    free_count++;
}

uint32_t socket_pending(uint32_t owner) { return socket_owners[owner].events; }

uint64_t socket_fresh_owners(void) {
    const uint64_t fresh = fresh_owners;
    fresh_owners = 0;
    return fresh;
}
