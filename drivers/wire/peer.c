// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// peer.c - the interface is in peer.h.
//
//   CLOSED --SYN--> OPENING --SYN+ACK--> OPEN: send a batch --> all replies --> send a batch ... --> an acknowledgement
//                      `--RST (nobody listens yet)--> SYN again, in the next poll
//
// Invariant: a connection is in the ring of those that have something to send at most once.
// Only the headers are copied before they are used; payload is compared in place, each byte read once.
//
// The connections outlive a restart of the driver, as they would one of a driver with a wire: struct kept is
// persistent, each step of a connection becomes visible by one store, and afterwards each sends again what may not
// have arrived. A batch that was just complete can be counted twice then.
#include "peer.h"
#include "persist.h"
#include "string.h"

#define ETHERNET_BYTES 14
#define IP_BYTES 20
#define TCP_BYTES 20
#define HEADERS_BYTES (ETHERNET_BYTES + IP_BYTES + TCP_BYTES)
#define ARP_BYTES (ETHERNET_BYTES + 28)
#define FIRST_PORT 10000
#define INITIAL_SEQUENCE 1000000
#define OPENING_MAX 64 // at a time: what any backlog has room for
#define MSS_BYTES 1460

#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_FIN 0x01

#define KEY "$16\r\nkey:__rand_int__\r\n"
#define VALUE "$3\r\nxxx\r\n"
#define SET_REQUEST "*3\r\n$3\r\nSET\r\n" KEY VALUE
#define SET_REPLY "+OK\r\n"
#define GET_REQUEST "*2\r\n$3\r\nGET\r\n" KEY
#define GET_REPLY VALUE

enum connection_state { CLOSED, OPENING, OPEN };

union sent {
    struct {
        uint32_t sequence;      // of the next byte to send
        uint16_t requests;      // on their way
        uint8_t state;
        uint8_t has_set;        // its SET was answered
    };
    uint64_t word;              // all of it, in one store
};

struct connection {
    union sent sent;
    uint32_t expected;          // of the next byte to come
    uint32_t replies;           // of the first byte of the replies to what is on its way
};

static PERSISTENT struct kept {
    struct connection connections[PEER_CONNECTIONS_MAX];
    uint64_t started;           // requests sent
    uint32_t opened;            // connections that were ever in the ring
    uint8_t mac[6], address[4]; // of the system
    bool is_announced, is_resolved; // the system told its address; it knows ours
} kept;
PERSISTENT uint64_t peer_completed, peer_wrong;

static struct connection *const connections = kept.connections;
static uint16_t ring[PEER_CONNECTIONS_MAX];
static uint32_t ring_first, ring_count;
static bool is_queued[PEER_CONNECTIONS_MAX]; // in the ring
static bool is_lost[PEER_CONNECTIONS_MAX];   // what is on its way is to be sent again
static struct peer_load load;

static const char set_request[] = SET_REQUEST, set_reply[] = SET_REPLY;
_Static_assert(PEER_PIPELINE_MAX * (sizeof(SET_REQUEST) - 1) <= MSS_BYTES, "a batch is one segment");
static char requests[PEER_PIPELINE_MAX * sizeof(SET_REQUEST)];
static char replies[PEER_PIPELINE_MAX * sizeof(GET_REPLY)];
static uint32_t request_bytes, reply_bytes; // of one

// Ethernet, IP and TCP header of a segment of ours, without what differs from one to the next.
static uint8_t headers[HEADERS_BYTES];
static uint32_t header_sum;     // of the IP header's constant words
static const uint8_t own_mac[6] = { 0x02, 0, 0, 0, 0, 0x01 };
static uint8_t own_address[4]; // in the system's network
static bool arp_due;

// ---- fields in network order ----

static uint16_t get16(const uint8_t *field) { return (uint16_t)(field[0] << 8 | field[1]); }
static uint32_t get32(const uint8_t *field) { return (uint32_t)get16(field) << 16 | get16(field + 2); }

static void put16(uint8_t *field, uint32_t value) {
    const uint16_t swapped = __builtin_bswap16((uint16_t)value);
    __builtin_memcpy(field, &swapped, 2);
}

static void put32(uint8_t *field, uint32_t value) {
    const uint32_t swapped = __builtin_bswap32(value);
    __builtin_memcpy(field, &swapped, 4);
}

// ---- the ring ----

static void enqueue(const struct connection *connection) {
    const uint32_t index = (uint32_t)(connection - connections);
    if (is_queued[index])
        return;
    is_queued[index] = true;
    ring[(ring_first + ring_count++) % PEER_CONNECTIONS_MAX] = (uint16_t)index;
}

static void open_next(void) {
    if (kept.opened < load.connections)
        enqueue(&connections[kept.opened++]);
}

// The true point at which a connection makes a step.
static void step(struct connection *connection, union sent to) {
    persist_barrier();
    *(volatile uint64_t *)&connection->sent.word = to.word;
    persist_barrier();
}

static uint32_t all_reply_bytes(const struct connection *connection) {
    return connection->sent.has_set ? connection->sent.requests * reply_bytes : (uint32_t)sizeof(set_reply) - 1;
}

static void batch_end(struct connection *connection) {
    union sent sent = connection->sent;
    peer_completed += sent.requests;
    sent.requests = 0;
    sent.has_set = true;
    is_lost[connection - connections] = false;
    step(connection, sent);
    enqueue(connection); // the next batch, or at the end an acknowledgement
}

void peer_configure(const struct peer_load *wanted) {
    load = *wanted;
    const char *request = load.is_set ? SET_REQUEST : GET_REQUEST, *reply = load.is_set ? SET_REPLY : GET_REPLY;
    request_bytes = (uint32_t)strlen(request);
    reply_bytes = (uint32_t)strlen(reply);
    for (uint32_t i = 0; i < load.pipeline; i++) {
        memcpy(requests + i * request_bytes, request, request_bytes);
        memcpy(replies + i * reply_bytes, reply, reply_bytes);
    }
}

static bool is_possible(const struct connection *connection) {
    return connection->sent.state <= OPEN && connection->sent.requests <= load.pipeline &&
           (!connection->sent.requests || connection->expected - connection->replies <= all_reply_bytes(connection));
}

static void connection_resume(struct connection *connection) {
    union sent sent = connection->sent;
    if (sent.state == OPENING) {
        sent.state = CLOSED; // the same question again
        step(connection, sent);
    } else if (sent.state == OPEN && sent.requests > 0 &&
               connection->expected - connection->replies == all_reply_bytes(connection)) {
        batch_end(connection);
    } else {
        is_lost[connection - connections] = sent.requests > 0;
    }
    enqueue(connection);
}

static void headers_make(void);

bool peer_resume(void) {
    uint32_t open = 0;
    if (kept.opened > load.connections)
        return false;
    for (uint32_t i = 0; i < kept.opened; i++)
        if (!is_possible(&connections[i]))
            return false;
    kept.started = peer_completed;
    for (uint32_t i = 0; i < kept.opened; i++)
        kept.started += connections[i].sent.requests;
    if (kept.is_announced) {
        headers_make();
        arp_due = true;
    }
    for (uint32_t i = 0; i < kept.opened; i++) {
        open += connections[i].sent.state == OPEN;
        connection_resume(&connections[i]);
    }
    while (kept.is_resolved && kept.opened < load.connections && kept.opened < open + OPENING_MAX)
        open_next();
    return true;
}

// ---- ARP ----

static void headers_make(void) {
    const uint8_t constant[] = { 0x08, 0x00, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0 };
    memcpy(own_address, kept.address, sizeof(own_address));
    own_address[3] = kept.address[3] == 1 ? 2 : 1;
    memcpy(headers, kept.mac, 6);
    memcpy(headers + 6, own_mac, 6);
    memcpy(headers + 12, constant, sizeof(constant));
    memcpy(headers + 26, own_address, 4);
    memcpy(headers + 30, kept.address, 4);
    put16(headers + 48, UINT16_MAX); // the window
    for (int i = 14; i < 34; i += 2)
        header_sum += get16(headers + i);
}

static void arp_input(const uint8_t *arp) {
    if (get16(arp) != 1 || get16(arp + 2) != 0x0800)
        return;
    if (!kept.is_announced) {
        memcpy(kept.mac, arp + 8, sizeof(kept.mac));
        memcpy(kept.address, arp + 14, sizeof(kept.address));
        headers_make();
        persist_barrier();
        kept.is_announced = arp_due = true;
    } else if (get16(arp + 6) == 1) {
        arp_due = memcmp(arp + 24, own_address, 4) == 0;
    } else if (!kept.is_resolved) {
        kept.is_resolved = true; // the reply to our question
        while (kept.opened < load.connections && kept.opened < OPENING_MAX)
            open_next();
    }
}

// The first is a question, so that the system learns our address before anything that it would have to answer.
static uint32_t arp_output(uint8_t *frame) {
    const uint8_t constant[] = { 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, kept.is_resolved ? 2 : 1 };
    memcpy(frame, kept.mac, 6);
    memcpy(frame + 6, own_mac, 6);
    memcpy(frame + 12, constant, sizeof(constant));
    memcpy(frame + 22, own_mac, 6);
    memcpy(frame + 28, own_address, 4);
    memcpy(frame + 32, kept.mac, 6);
    memcpy(frame + 38, kept.address, 4);
    arp_due = false;
    return ARP_BYTES;
}

// ---- TCP ----

// Payload that arrived in order.
static void replies_input(struct connection *connection, const uint8_t *payload, uint32_t bytes) {
    const union sent sent = connection->sent;
    const uint32_t all_bytes = all_reply_bytes(connection), done = connection->expected - connection->replies;
    if (sent.requests == 0 || bytes > all_bytes - done) {
        peer_wrong++;
        connection->replies += bytes;
        connection->expected += bytes;
        return;
    }
    if (memcmp(payload, (sent.has_set ? replies : set_reply) + done, bytes) != 0)
        peer_wrong++;
    persist_barrier();
    connection->expected += bytes;
    if (done + bytes == all_bytes)
        batch_end(connection);
}

static void opening_input(struct connection *connection, uint32_t sequence, uint8_t flags) {
    union sent sent = connection->sent;
    if (flags & TCP_RST) {
        sent.state = CLOSED;
    } else if ((flags & TCP_SYN) && (flags & TCP_ACK)) {
        sent.state = OPEN;
        connection->expected = sequence + 1;
        open_next();
    } else {
        return;
    }
    step(connection, sent);
    enqueue(connection);
}

static void segment_input(const uint8_t *header, const uint8_t *payload, uint32_t bytes) {
    const uint32_t index = (uint32_t)get16(header + 2) - FIRST_PORT;
    if (index >= load.connections)
        return;
    struct connection *connection = &connections[index];
    const uint32_t sequence = get32(header + 4);
    const uint8_t flags = header[13];
    if (connection->sent.state == OPENING) {
        opening_input(connection, sequence, flags);
    } else if (connection->sent.state == OPEN) {
        if (flags & (TCP_RST | TCP_FIN))
            peer_wrong++;
        if (bytes > 0 && sequence == connection->expected)
            replies_input(connection, payload, bytes);
        else if (bytes > 0)
            enqueue(connection); // sent again because our acknowledgement waits for the next batch: not wrong
    }
}

void peer_input(const uint8_t *frame, size_t bytes) {
    uint8_t copy[HEADERS_BYTES];
    const size_t copied = bytes < sizeof(copy) ? bytes : sizeof(copy);
    memcpy(copy, frame, copied);
    if (copied >= ARP_BYTES && get16(copy + 12) == 0x0806)
        arp_input(copy + ETHERNET_BYTES);
    const uint8_t *ip = copy + ETHERNET_BYTES, *tcp = ip + IP_BYTES;
    if (copied < HEADERS_BYTES || get16(copy + 12) != 0x0800 || ip[0] != 0x45 || ip[9] != 6)
        return; // lwIP sends no IP options
    const uint32_t ip_bytes = get16(ip + 2), tcp_bytes = (tcp[12] >> 4) * 4u;
    if (ip_bytes > bytes - ETHERNET_BYTES || tcp_bytes < TCP_BYTES || ip_bytes < IP_BYTES + tcp_bytes)
        return;
    segment_input(tcp, frame + ETHERNET_BYTES + IP_BYTES + tcp_bytes, ip_bytes - IP_BYTES - tcp_bytes);
}

// Headers of a segment whose TCP header and payload are bytes long.
static void headers_output(uint8_t *frame, const struct connection *connection, uint32_t sequence, uint32_t bytes,
                           uint8_t flags) {
    __builtin_memcpy(frame, headers, HEADERS_BYTES);
    put16(frame + 16, IP_BYTES + bytes);
    uint32_t sum = header_sum + IP_BYTES + bytes;
    sum = (sum & 0xffff) + (sum >> 16);
    put16(frame + 24, ~(sum + (sum >> 16)));
    uint8_t *tcp = frame + ETHERNET_BYTES + IP_BYTES;
    put16(tcp, FIRST_PORT + (uint32_t)(connection - connections));
    put16(tcp + 2, load.port);
    put32(tcp + 4, sequence);
    put32(tcp + 8, flags & TCP_ACK ? connection->expected : 0);
    tcp[12] = flags & TCP_SYN ? 0x60 : 0x50;
    tcp[13] = flags;
}

static uint32_t syn_output(uint8_t *frame, struct connection *connection) {
    const uint8_t option[] = { 2, 4, MSS_BYTES >> 8, MSS_BYTES & 255 };
    headers_output(frame, connection, INITIAL_SEQUENCE, TCP_BYTES + sizeof(option), TCP_SYN);
    memcpy(frame + HEADERS_BYTES, option, sizeof(option));
    step(connection, (union sent){ .sequence = INITIAL_SEQUENCE + 1, .state = OPENING });
    return HEADERS_BYTES + sizeof(option);
}

uint32_t peer_pending(void) { return ring_count + arp_due; }

// How many requests the connection sends now: what was lost, nothing while others are on their way, or a new batch.
static uint32_t batch_requests(const struct connection *connection, bool is_again) {
    if (connection->sent.requests > 0)
        return is_again ? connection->sent.requests : 0;
    const uint64_t count = connection->sent.has_set ? load.pipeline : 1, left = load.requests - kept.started;
    return (uint32_t)(count < left ? count : left);
}

uint32_t peer_output(uint8_t *frame) {
    if (arp_due)
        return arp_output(frame);
    const uint32_t index = ring[ring_first];
    struct connection *connection = &connections[index];
    ring_first = (ring_first + 1) % PEER_CONNECTIONS_MAX;
    ring_count--;
    is_queued[index] = false;
    if (connection->sent.state == CLOSED)
        return syn_output(frame, connection);

    union sent sent = connection->sent;
    const bool is_again = is_lost[index];
    is_lost[index] = false;
    const uint32_t count = batch_requests(connection, is_again);
    const uint32_t bytes = count * (sent.has_set ? request_bytes : (uint32_t)sizeof(set_request) - 1);
    const uint32_t sequence = is_again ? sent.sequence - bytes : sent.sequence;
    headers_output(frame, connection, sequence, TCP_BYTES + bytes, count > 0 ? TCP_ACK | TCP_PSH : TCP_ACK);
    memcpy(frame + HEADERS_BYTES, sent.has_set ? requests : set_request, bytes);
    if (count > 0 && !is_again) {
        connection->replies = connection->expected;
        kept.started += count;
        sent.sequence += bytes;
        sent.requests = (uint16_t)count;
        step(connection, sent);
    }
    return HEADERS_BYTES + bytes;
}
