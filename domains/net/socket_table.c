// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// socket_table.c - see socket_table.h; socket_pending() and socket_fresh_owners() are in socket.h.
#include "socket_table.h"
#include "random.h"
#include "socket.h"
#include "string.h"

#define GENERATION_MAX 0x7fff   // so that a handle is positive as an int

struct socket sockets[SOCKETS_MAX];
static struct socket *free_sockets;
uint32_t sockets_free;

struct socket_owner socket_owners[THREAD_MAX];
_Static_assert(THREAD_MAX <= 64, "one bit per owner");
static uint64_t fresh_owners;

net_socket_t socket_handle(const struct socket *socket) {
    return (uint32_t)socket->generation << 16 | (uint32_t)(socket - sockets);
}

struct socket *socket_find(net_socket_t handle) {
    const uint32_t index = handle & 0xffff;
    if (index >= SOCKETS_MAX || sockets[index].state == SOCKET_FREE || sockets[index].generation != handle >> 16)
        return NULL;
    return &sockets[index];
}

struct socket *socket_new(enum socket_state state, uint32_t owner) {
    struct socket *socket = free_sockets;
    if (socket == NULL)
        return NULL;
    free_sockets = socket->next;
    sockets_free--;
    const uint16_t generation = socket->generation;
    memset(socket, 0, sizeof(*socket));
    socket->generation = generation;
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

struct rx_frame *socket_frame_unqueue(struct socket *socket) {
    struct rx_frame *frame = socket->rx_first;
    socket->rx_first = frame->next;
    if (socket->rx_first == NULL)
        socket->rx_last = NULL;
    frame->next = NULL;
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
        (void)pbuf_free(&socket_frame_unqueue(socket)->body.pbuf);
    socket_resume(socket);
    if (socket->is_ready)
        socket_unready(socket);
    socket_owners[socket->owner].events -= socket->events;
    socket->state = SOCKET_FREE;
    socket->is_output_due = false;
    socket->generation = (uint16_t)(socket->generation % GENERATION_MAX + 1); // 1..GENERATION_MAX: a handle is never 0
    socket->next = free_sockets;
    free_sockets = socket;
    sockets_free++;
}

void socket_table_init(void) {
    for (uint32_t i = SOCKETS_MAX; i-- > 0;) {
        // Not from 1: a handle of before a restart of this domain must not fit a new connection.
        sockets[i].generation = (uint16_t)(net_random() % GENERATION_MAX + 1);
        sockets[i].next = free_sockets;
        free_sockets = &sockets[i];
    }
    sockets_free = SOCKETS_MAX;
}

uint32_t socket_pending(uint32_t owner) { return socket_owners[owner].events; }

uint64_t socket_fresh_owners(void) {
    const uint64_t fresh = fresh_owners;
    fresh_owners = 0;
    return fresh;
}
