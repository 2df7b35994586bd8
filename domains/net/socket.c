// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// socket.c - connections of lwIP and what applications ask of them; the interface is in socket.h, the table in
// socket_table.h.
//
//   SYN --(backlog has room)--> half open --> CONNECTED, NET_ACCEPTED queued --> frames queued, NET_RECEIVED ...
//   FIN, reset or time-out: has_ended --> NET_CLOSED, as the last event, in a later batch than the last data --> FREE
//   close by the application: FREE at once; lwIP finishes the connection alone
//
// Sockets for datagrams are in datagram.c; what they share with connections is here: ports, closing, collecting.
// Received data is acknowledged to lwIP (tcp_recved) only when the application takes it, so that the peer's window
// closes when it does not. Everything here runs under the component lock.
#include "socket.h"
#include "datagram.h"
#include "farewell.h"
#include "flow.h"
#include "public.h"
#include "socket_table.h"
#include "xheap.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/udp.h"

#define BACKLOG_MAX 1024
#define WRITE_BYTES_MAX 0x8000  // per tcp_write(), whose length has 16 bits
// Redis's default for its clients: a peer whose reset was lost leaves nothing for longer than six and a half minutes.
#define KEEPALIVE_IDLE_MS 300000
#define KEEPALIVE_INTERVAL_MS 30000
#define KEEPALIVE_COUNT 3
#define GROWTH_SHARE 4          // see segments_adapt()
#define GROWTH_SHARE_LOSSY 16

static uint32_t half_open;      // connections without a socket yet; each has one reserved
static u8_t flow_id;            // lwIP's index for the flow that is attached to each connection

// A socket that was freed since, and perhaps is another connection's now, is looked at for nothing.
static struct socket *output_due[NET_SENDS_MAX];
static uint32_t output_count;

// ---- connections ----

void socket_init(void) {
    flow_id = tcp_ext_arg_alloc_id();
}

static struct flow *flow_of(struct tcp_pcb *pcb) { return tcp_ext_arg_get(pcb, flow_id); }

// Of a connection that no socket has any more.
static err_t on_sent_alone(void *argument, struct tcp_pcb *pcb, u16_t bytes) {
    (void)argument;
    (void)bytes;
    given_release(flow_of(pcb));
    return ERR_OK;
}

// Takes the connection from the socket, and lets lwIP finish it alone (reset: at once).
static void socket_detach(struct socket *socket, bool reset) {
    struct tcp_pcb *pcb = socket->pcb;
    socket->pcb = NULL;
    if (pcb == NULL)
        return;
    if (socket->state == SOCKET_DATAGRAM) {
        datagram_close((struct udp_pcb *)pcb);
        return;
    }
    tcp_arg(pcb, NULL);
    if (socket->state == SOCKET_LISTENING) {
        (void)tcp_close(pcb); // cannot fail for a listener
        return;
    }
    tcp_recv(pcb, NULL);
    tcp_sent(pcb, on_sent_alone);
    tcp_err(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
    // The end of what was given is not queued: a peer must not take what it gets for all.
    if (reset || !given_is_whole(flow_of(pcb)) || tcp_close(pcb) != ERR_OK)
        tcp_abort(pcb);
}

// ---- what lwIP calls ----

static err_t on_received(void *argument, struct tcp_pcb *pcb, struct pbuf *chain, err_t error) {
    struct socket *socket = argument;
    (void)error;
    if (chain == NULL) {
        if (!socket->has_ended) {
            socket->has_ended = true;
            socket_event_queued(socket);
        }
        return ERR_OK;
    }
    if (chain->tot_len > TCP_MSS)
        tcp_ack_now(pcb); // several segments, merged: the peer expects what lwIP sends for every second one
    while (chain != NULL) {
        struct pbuf *pbuf = chain;
        chain = pbuf->next;
        pbuf->next = NULL;
        pbuf->tot_len = pbuf->len;
        struct rx_frame *frame = rx_frame_of(pbuf);
        if (pbuf->len == 0) {
            (void)pbuf_free(pbuf); // headers
            continue;
        }
        if (frame == NULL) {
            // Payload outside a body: link.c splits exactly where lwIP does, so this cannot be. Data must not go
            // missing silently, so if it is, the connection ends.
            (void)pbuf_free(pbuf);
            if (chain != NULL)
                (void)pbuf_free(chain);
            tcp_abort(pcb); // calls on_error()
            return ERR_ABRT;
        }
        frame->offset = (uint32_t)((uint8_t *)pbuf->payload - (uint8_t *)frame->object);
        frame->bytes = pbuf->len;
        socket_frame_queue(socket, frame, pbuf);
    }
    return ERR_OK;
}

static void room_queue(struct socket *socket) {
    socket_resume(socket);
    socket->has_room = true;
    socket_event_queued(socket);
}

// lwIP's segments grow with the congestion window, in which at least GROWTH_SHARE of them fit, so that a connection
// starts with the usual four of the peer's, and a path that loses frames does not get bursts. Every increment of the
// window counts in pcb->mss. lwIP relies on no queued segment being larger than that: it shrinks only when the queues
// are empty.
static void segments_adapt(struct tcp_pcb *pcb) {
    const struct flow *flow = flow_of(pcb);
    const bool has_lost = pcb->ssthresh != TCP_SND_BUF; // as it was at the start
    uint32_t wanted = pcb->cwnd / (has_lost ? GROWTH_SHARE_LOSSY : GROWTH_SHARE);
    wanted -= wanted % flow->mss;
    wanted = wanted < flow->mss ? flow->mss : wanted > flow->segment_bytes ? flow->segment_bytes : wanted;
    if (wanted > pcb->mss || (wanted < pcb->mss && pcb->unsent == NULL && pcb->unacked == NULL))
        pcb->mss = (u16_t)wanted;
}

static err_t on_sent(void *argument, struct tcp_pcb *pcb, u16_t bytes) {
    struct socket *socket = argument;
    (void)bytes;
    segments_adapt(pcb);
    given_release(flow_of(pcb));
    if (given_push(flow_of(pcb)) && socket->is_paused && tcp_sndbuf(pcb) >= TCP_SNDLOWAT)
        room_queue(socket);
    return ERR_OK;
}

// Twice a second: a send may have been cut short because memory was scarce, with nothing of its own in flight.
static err_t on_poll(void *argument, struct tcp_pcb *pcb) {
    struct socket *socket = argument;
    if (given_push(flow_of(pcb)) && socket->is_paused && tcp_sndbuf(pcb) > 0)
        room_queue(socket);
    return ERR_OK;
}

// lwIP has freed the connection (reset, time-out, or our own abort).
static void on_error(void *argument, err_t error) {
    struct socket *socket = argument;
    (void)error;
    socket->pcb = NULL;
    socket_resume(socket);
    if (socket->is_new) {
        socket_free(socket); // the application never heard of it
    } else if (!socket->has_ended) {
        socket->has_ended = true;
        socket_event_queued(socket);
    }
}

// lwIP frees the connection.
static void flow_ended(u8_t id, void *data) {
    (void)id;
    struct flow *flow = data;
    if (flow == NULL)
        return;
    given_end(flow);
    if (flow->listener != 0) { // it was never accepted
        half_open--;
        socket_accept_done(flow->listener);
    }
    flow_end(flow);
}

static const struct tcp_ext_arg_callbacks flow_callbacks = { .destroy = flow_ended, .passive_open = NULL };

// A SYN arrived. Anything but ERR_OK drops it without an answer, and the peer tries again: what a full backlog means.
static err_t on_syn(u8_t id, struct tcp_pcb_listen *listener_pcb, struct tcp_pcb *pcb) {
    struct socket *listener = listener_pcb->callback_arg;
    if (listener == NULL || listener->waiting >= listener->backlog || !socket_reserve(half_open + 1))
        return ERR_MEM;
    struct flow *flow = flow_new(pcb);
    if (flow == NULL)
        return ERR_MEM;
    flow->listener = socket_handle(listener);
    listener->waiting++;
    half_open++;
    tcp_ext_arg_set_callbacks(pcb, id, &flow_callbacks);
    tcp_ext_arg_set(pcb, id, flow);
    return ERR_OK;
}

static const struct tcp_ext_arg_callbacks listener_callbacks = { .destroy = NULL, .passive_open = on_syn };

static err_t on_accept(void *argument, struct tcp_pcb *pcb, err_t error) {
    struct socket *listener = argument;
    if (error != ERR_OK || pcb == NULL || listener == NULL)
        return ERR_VAL;
    struct socket *socket = socket_new(SOCKET_CONNECTED, listener->owner);
    if (socket == NULL)
        return ERR_MEM;
    // No longer half open; the listener's count goes on until NET_ACCEPTED is delivered.
    flow_of(pcb)->listener = 0;
    half_open--;
    socket->pcb = pcb;
    farewell_keep(socket);
    socket->listener = socket_handle(listener);
    socket->is_new = true;
    tcp_arg(pcb, socket);
    tcp_recv(pcb, on_received);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
    tcp_poll(pcb, on_poll, 1);
    tcp_nagle_disable(pcb); // replies come in batches already
    ip_set_option(pcb, SOF_KEEPALIVE);
    pcb->keep_idle = KEEPALIVE_IDLE_MS;
    pcb->keep_intvl = KEEPALIVE_INTERVAL_MS;
    pcb->keep_cnt = KEEPALIVE_COUNT;
    socket_event_queued(socket);
    return ERR_OK;
}

// ---- what applications ask for ----

// Ends what an application of before its restart left behind.
static void listener_abandon(struct socket *listener) {
    const net_socket_t handle = socket_handle(listener);
    for (uint32_t i = 0; i < sockets_made; i++) {
        struct socket *socket = socket_at(i);
        if (socket->state == SOCKET_CONNECTED && socket->listener == handle) {
            socket_detach(socket, true);
            socket_free(socket);
        }
    }
    socket_detach(listener, false);
    socket_free(listener);
}

static uint16_t port_of(const struct socket *socket) {
    return socket->state == SOCKET_DATAGRAM ? socket->udp->local_port : socket->pcb->local_port;
}

// Makes port free for a socket of state, if it may be. Returns 0, or the error for the application.
static int port_claim(uint32_t owner, uint16_t port, enum socket_state state) {
    uint32_t others = 0;
    for (uint32_t i = 0; i < sockets_made; i++) {
        struct socket *socket = socket_at(i);
        if (socket->state != SOCKET_LISTENING && socket->state != SOCKET_DATAGRAM)
            continue;
        const uint8_t thread_state = public_area.threads[socket->owner].state;
        if (socket->state != state || port_of(socket) != port)
            others++;
        else if (socket->owner == owner || thread_state == THREAD_ENDED || thread_state == THREAD_FREE)
            listener_abandon(socket);
        else
            return -EADDRINUSE;
    }
    return others >= LISTENERS_MAX || !socket_reserve(half_open + 1) ? -ENOMEM : 0;
}

int socket_bind(uint32_t owner, uint16_t port) {
    if (port == 0)
        return -EINVAL;
    const int error = port_claim(owner, port, SOCKET_DATAGRAM);
    return error < 0 ? error : datagram_bind(owner, port);
}

int socket_listen(uint32_t owner, uint16_t port, uint32_t backlog) {
    if (port == 0 || backlog < 1 || backlog > BACKLOG_MAX)
        return -EINVAL;
    const int claimed = port_claim(owner, port, SOCKET_LISTENING);
    if (claimed < 0)
        return claimed;
    struct tcp_pcb *pcb = tcp_new();
    if (pcb == NULL)
        return -ENOMEM;
    // Without it, connections that still say goodbye would keep the port from an application that restarted. That no
    // two listeners share a port was checked above.
    ip_set_option(pcb, SOF_REUSEADDR);
    if (tcp_bind(pcb, IP4_ADDR_ANY, port) != ERR_OK) {
        (void)tcp_close(pcb);
        return -EADDRINUSE;
    }
    tcp_ext_arg_set_callbacks(pcb, flow_id, &listener_callbacks);
    err_t error;
    struct tcp_pcb *listening = tcp_listen_with_backlog_and_err(pcb, TCP_DEFAULT_LISTEN_BACKLOG, &error);
    struct socket *socket = listening == NULL ? NULL : socket_new(SOCKET_LISTENING, owner);
    if (socket == NULL) {
        (void)tcp_close(listening == NULL ? pcb : listening);
        return -ENOMEM;
    }
    socket->pcb = listening;
    socket->backlog = (uint16_t)backlog;
    tcp_arg(listening, socket);
    tcp_accept(listening, on_accept);
    return (int)socket_handle(socket);
}

static void output_queue(struct socket *socket) {
    if (socket->is_output_due)
        return;
    if (output_count == NET_SENDS_MAX) {
        (void)tcp_output(socket->pcb);
        return;
    }
    socket->is_output_due = true;
    output_due[output_count++] = socket;
}

static int stream_send(struct socket *socket, const void *data, uint32_t bytes, bool close) {
    uint32_t queued = 0;
    while (queued < bytes && given_is_whole(flow_of(socket->pcb))) {
        uint32_t part = bytes - queued, room = tcp_sndbuf(socket->pcb);
        part = part < room ? part : room;
        part = part < WRITE_BYTES_MAX ? part : WRITE_BYTES_MAX;
        if (part == 0)
            break;
        const err_t error = tcp_write(socket->pcb, (const uint8_t *)data + queued, (u16_t)part, TCP_WRITE_FLAG_COPY);
        if (error == ERR_CONN)
            return queued > 0 ? (int)queued : -ESTALE;
        if (error != ERR_OK)
            break;
        queued += part;
    }
    if (queued < bytes) {
        if (!socket->is_paused && !socket->has_room)
            socket_pause(socket);
    } else if (close) {
        socket_detach(socket, false); // sends what is queued, then FIN
        socket_free(socket);
        return (int)queued;
    }
    if (queued > 0)
        output_queue(socket);
    return (int)queued;
}

static int stream_give(struct socket *socket, void *object, uint32_t offset, uint32_t bytes) {
    struct flow *flow = flow_of(socket->pcb);
    const size_t room = xheap_room(object);
    if (bytes == 0 || offset > room || bytes > room - offset)
        return -EINVAL;
    if (!given_is_whole(flow))
        return -EBUSY;
    if (!given_add(flow, object, offset, bytes))
        return -ENOMEM;
    if (!given_push(flow)) {
        if (socket->has_room) { // not yet told, and no longer true
            socket->has_room = false;
            socket_event_delivered(socket);
        }
        if (!socket->is_paused)
            socket_pause(socket);
    }
    output_queue(socket);
    return (int)(bytes - flow->given_last->left_bytes);
}

int socket_give(uint32_t owner, net_socket_t handle, void *object, uint32_t offset, uint32_t bytes) {
    struct socket *socket = socket_find(handle);
    int result = -ESTALE;
    if (socket != NULL && socket->owner == owner && socket->pcb != NULL && socket->state != SOCKET_LISTENING)
        result = socket->state == SOCKET_CONNECTED ? stream_give(socket, object, offset, bytes) : -EINVAL;
    if (result < 0)
        (void)xheap_free(object);
    return result;
}

int socket_send(uint32_t owner, const struct net_send *send, const void *data) {
    struct socket *socket = socket_find(send->socket);
    if (socket == NULL || socket->owner != owner || socket->pcb == NULL || socket->state == SOCKET_LISTENING)
        return -ESTALE;
    if (socket->state == SOCKET_CONNECTED)
        return stream_send(socket, data, send->bytes, send->close != 0);
    // Without a port: only close.
    const int result = send->close != 0 && send->port == 0 ? 0 : datagram_send(socket, send, data);
    if (send->close != 0 && result >= 0) {
        socket_detach(socket, false);
        socket_free(socket);
    }
    return result;
}

void sockets_output(void) {
    for (uint32_t i = 0; i < output_count; i++) {
        struct socket *socket = output_due[i];
        if (!socket->is_output_due)
            continue; // closed later in the same batch
        socket->is_output_due = false;
        if (socket->pcb != NULL)
            (void)tcp_output(socket->pcb);
    }
    output_count = 0;
}

// ---- events ----

// Moves the first queued frame's data to the application. False when this batch cannot carry it.
static bool collect_frame(struct socket *socket, struct net_event *out) {
    struct rx_frame *frame = socket->rx_first;
    const int index = xheap_pass(frame->object);
    if (index < 0) {
        if (index != -E2BIG) {
            // A lost piece of the stream: the connection cannot go on.
            socket_detach(socket, true);
            while (socket->rx_first != NULL) {
                (void)pbuf_free(socket_frame_unqueue(socket)->held);
                socket_event_delivered(socket);
            }
            if (!socket->has_ended) {
                socket->has_ended = true;
                socket_event_queued(socket);
            }
        }
        return false;
    }
    *out = (struct net_event){ .kind = NET_RECEIVED, .socket = socket_handle(socket), .listener = socket->listener,
                               .object = (uint32_t)index, .offset = frame->offset, .bytes = frame->bytes };
    if (socket->pcb != NULL)
        tcp_recved(socket->pcb, (u16_t)frame->bytes); // may send a window update; never calls back
    socket_frame_unqueue(socket)->object = NULL; // the application's now
    (void)pbuf_free(frame->held);
    socket_event_delivered(socket);
    return true;
}

// One socket's events, in order. Returns how many.
static uint32_t collect_socket(struct socket *socket, struct net_event *out, uint32_t max) {
    uint32_t count = 0;
    bool has_answer = false; // the application may send because of what this batch tells it
    if (socket->is_new && count < max) {
        socket->is_new = false;
        socket_accept_done(socket->listener);
        socket_event_delivered(socket);
        out[count++] = (struct net_event){ .kind = NET_ACCEPTED, .socket = socket_handle(socket),
                                           .listener = socket->listener };
    }
    const bool is_stream = socket->state == SOCKET_CONNECTED;
    while (socket->rx_first != NULL && count < max &&
           (is_stream ? collect_frame(socket, &out[count]) : datagram_collect(socket, &out[count]))) {
        has_answer = true;
        count++;
    }
    if (socket->has_room && count < max) {
        socket->has_room = false;
        socket_event_delivered(socket);
        has_answer = true;
        out[count++] = (struct net_event){ .kind = NET_WRITABLE, .socket = socket_handle(socket),
                                           .listener = socket->listener };
    }
    // Not in the batch that carries the last data or room: the application may still answer, and a peer that shut down
    // only its own half still reads the answer.
    if (socket->has_ended && socket->rx_first == NULL && !has_answer && count < max) {
        out[count++] = (struct net_event){ .kind = NET_CLOSED, .socket = socket_handle(socket),
                                           .listener = socket->listener };
        socket_detach(socket, false);
        socket_free(socket);
    } else if (socket->events > 0 && !socket->is_ready) {
        socket_ready(socket); // behind the others
    }
    return count;
}

uint32_t socket_collect(uint32_t owner, struct net_event *out, uint32_t max) {
    struct socket_owner *list = &socket_owners[owner];
    uint32_t count = 0;
    for (uint32_t left = list->ready; left > 0 && count < max && list->first != NULL; left--) {
        struct socket *socket = list->first;
        socket_unready(socket);
        count += collect_socket(socket, &out[count], max - count);
    }
    return count;
}
