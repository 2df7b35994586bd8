// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// peer.c - the interface is in peer.h.
//
//   CLOSED --SYN--> OPENING --SYN+ACK--> OPEN: send a batch --> all replies --> send a batch ... --> an acknowledgement
//                      `--RST (nobody listens yet)--> SYN again, in the next poll
//
// Invariant: a connection is in the ring of those that have something to send at most once.
// It stands for another machine, so all its state outlives a restart of the driver (and is believed as it is: a driver
// that dies in the middle of this file may leave it broken, which shows as silence or wrong replies).
// Only the headers are copied before they are used; payload is compared in place, each byte read once.
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

struct connection {
    uint32_t sequence;          // of the next byte to send
    uint32_t expected;          // of the next byte to come
    uint16_t requests;          // on their way
    uint16_t replied_bytes;     // of the replies to these
    uint8_t state;
    bool is_first;              // its SET is still to come, or on its way
    bool is_queued;             // in the ring
    bool is_lost;               // its requests may be: they are to be sent once more
};

PERSISTENT static struct connection connections[PEER_CONNECTIONS_MAX];
PERSISTENT static uint16_t ring[PEER_CONNECTIONS_MAX];
PERSISTENT static uint32_t ring_first, ring_count;
PERSISTENT static struct peer_load load;
PERSISTENT static uint32_t opened;         // connections that were ever in the ring
PERSISTENT static uint64_t started;        // requests sent
PERSISTENT uint64_t peer_completed, peer_wrong;

static const char set_request[] = SET_REQUEST, set_reply[] = SET_REPLY;
_Static_assert(PEER_PIPELINE_MAX * (sizeof(SET_REQUEST) - 1) <= MSS_BYTES, "a batch is one segment");
PERSISTENT static char requests[PEER_PIPELINE_MAX * sizeof(SET_REQUEST)];
PERSISTENT static char replies[PEER_PIPELINE_MAX * sizeof(GET_REPLY)];
PERSISTENT static uint32_t request_bytes, reply_bytes; // of one

// Ethernet, IP and TCP header of a segment of ours, without what differs from one to the next.
PERSISTENT static uint8_t headers[HEADERS_BYTES];
PERSISTENT static uint32_t header_sum;     // of the IP header's constant words
static const uint8_t own_mac[6] = { 0x02, 0, 0, 0, 0, 0x01 };
PERSISTENT static uint8_t mac[6], address[4], own_address[4]; // of the system; our own, in the same network
PERSISTENT static bool is_announced, is_resolved; // the system told its address; it knows ours
PERSISTENT static bool arp_due;

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

static void enqueue(struct connection *connection) {
    if (connection->is_queued)
        return;
    connection->is_queued = true;
    ring[(ring_first + ring_count++) % PEER_CONNECTIONS_MAX] = (uint16_t)(connection - connections);
}

static void open_next(void) {
    if (opened < load.connections)
        enqueue(&connections[opened++]);
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
    for (uint32_t i = 0; i < load.connections; i++)
        connections[i].is_first = true;
}

void peer_resume(void) {
    for (uint32_t i = 0; i < opened; i++) {
        struct connection *connection = &connections[i];
        connection->is_lost = connection->state == OPEN && connection->requests > 0;
        if (connection->state == OPENING)
            connection->state = CLOSED;
        if (connection->is_lost || connection->state == CLOSED)
            enqueue(connection);
    }
}

// ---- ARP ----

static void arp_input(const uint8_t *arp) {
    if (get16(arp) != 1 || get16(arp + 2) != 0x0800)
        return;
    if (!is_announced) {
        memcpy(mac, arp + 8, sizeof(mac));
        memcpy(address, arp + 14, sizeof(address));
        memcpy(own_address, address, sizeof(address));
        own_address[3] = address[3] == 1 ? 2 : 1;
        is_announced = arp_due = true;
        const uint8_t constant[] = { 0x08, 0x00, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0 };
        memcpy(headers, mac, 6);
        memcpy(headers + 6, own_mac, 6);
        memcpy(headers + 12, constant, sizeof(constant));
        memcpy(headers + 26, own_address, 4);
        memcpy(headers + 30, address, 4);
        put16(headers + 48, UINT16_MAX); // the window
        for (int i = 14; i < 34; i += 2)
            header_sum += get16(headers + i);
    } else if (get16(arp + 6) == 1) {
        arp_due = memcmp(arp + 24, own_address, 4) == 0;
    } else if (!is_resolved) {
        is_resolved = true; // the reply to our question
        while (opened < load.connections && opened < OPENING_MAX)
            open_next();
    }
}

// The first is a question, so that the system learns our address before anything that it would have to answer.
static uint32_t arp_output(uint8_t *frame) {
    const uint8_t constant[] = { 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, is_resolved ? 2 : 1 };
    memcpy(frame, mac, 6);
    memcpy(frame + 6, own_mac, 6);
    memcpy(frame + 12, constant, sizeof(constant));
    memcpy(frame + 22, own_mac, 6);
    memcpy(frame + 28, own_address, 4);
    memcpy(frame + 32, mac, 6);
    memcpy(frame + 38, address, 4);
    arp_due = false;
    return ARP_BYTES;
}

// ---- TCP ----

// Payload that arrived in order.
static void replies_input(struct connection *connection, const uint8_t *payload, uint32_t bytes) {
    const uint32_t all_bytes = connection->is_first ? sizeof(set_reply) - 1 : connection->requests * reply_bytes;
    if (connection->requests == 0 || bytes > all_bytes - connection->replied_bytes) {
        peer_wrong++;
        return;
    }
    if (memcmp(payload, (connection->is_first ? set_reply : replies) + connection->replied_bytes, bytes) != 0)
        peer_wrong++;
    connection->replied_bytes = (uint16_t)(connection->replied_bytes + bytes);
    if (connection->replied_bytes < all_bytes)
        return;
    peer_completed += connection->requests;
    connection->requests = connection->replied_bytes = 0;
    connection->is_first = connection->is_lost = false;
    enqueue(connection); // the next batch, or at the end an acknowledgement
}

static void segment_input(const uint8_t *header, const uint8_t *payload, uint32_t bytes) {
    const uint32_t index = (uint32_t)get16(header + 2) - FIRST_PORT;
    if (index >= load.connections)
        return;
    struct connection *connection = &connections[index];
    const uint32_t sequence = get32(header + 4);
    const uint8_t flags = header[13];
    if (connection->state == OPENING) {
        if (flags & TCP_RST) {
            connection->state = CLOSED;
        } else if ((flags & TCP_SYN) && (flags & TCP_ACK)) {
            connection->state = OPEN;
            connection->expected = sequence + 1;
            open_next();
        } else {
            return;
        }
        enqueue(connection);
    } else if (connection->state == OPEN) {
        if (flags & (TCP_RST | TCP_FIN))
            peer_wrong++;
        if (bytes > 0 && sequence == connection->expected) {
            connection->expected += bytes;
            replies_input(connection, payload, bytes);
        } else if (bytes > 0) {
            enqueue(connection); // sent again because our acknowledgement waits for the next batch: not wrong
        }
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
static void headers_output(uint8_t *frame, struct connection *connection, uint32_t bytes, uint8_t flags) {
    __builtin_memcpy(frame, headers, HEADERS_BYTES);
    put16(frame + 16, IP_BYTES + bytes);
    uint32_t sum = header_sum + IP_BYTES + bytes;
    sum = (sum & 0xffff) + (sum >> 16);
    put16(frame + 24, ~(sum + (sum >> 16)));
    uint8_t *tcp = frame + ETHERNET_BYTES + IP_BYTES;
    put16(tcp, FIRST_PORT + (uint32_t)(connection - connections));
    put16(tcp + 2, load.port);
    put32(tcp + 4, connection->sequence);
    put32(tcp + 8, flags & TCP_ACK ? connection->expected : 0);
    tcp[12] = flags & TCP_SYN ? 0x60 : 0x50;
    tcp[13] = flags;
}

static uint32_t syn_output(uint8_t *frame, struct connection *connection) {
    const uint8_t option[] = { 2, 4, MSS_BYTES >> 8, MSS_BYTES & 255 };
    connection->state = OPENING;
    connection->sequence = INITIAL_SEQUENCE;
    headers_output(frame, connection, TCP_BYTES + sizeof(option), TCP_SYN);
    memcpy(frame + HEADERS_BYTES, option, sizeof(option));
    connection->sequence++;
    return HEADERS_BYTES + sizeof(option);
}

uint32_t peer_pending(void) { return ring_count + arp_due; }

uint32_t peer_output(uint8_t *frame) {
    if (arp_due)
        return arp_output(frame);
    struct connection *connection = &connections[ring[ring_first]];
    ring_first = (ring_first + 1) % PEER_CONNECTIONS_MAX;
    ring_count--;
    connection->is_queued = false;
    if (connection->state == CLOSED)
        return syn_output(frame, connection);

    uint64_t count = connection->is_first ? 1 : load.pipeline;
    const uint32_t each_bytes = connection->is_first ? sizeof(set_request) - 1 : request_bytes;
    if (connection->is_lost) {
        count = connection->requests; // once more, as if for the first time
        connection->sequence -= (uint32_t)count * each_bytes;
        connection->requests = 0;
        started -= count;
        connection->is_lost = false;
    } else if (connection->requests > 0)
        count = 0;
    else if (count > load.requests - started)
        count = load.requests - started;
    const uint32_t bytes = (uint32_t)count * each_bytes;
    headers_output(frame, connection, TCP_BYTES + bytes, count > 0 ? TCP_ACK | TCP_PSH : TCP_ACK);
    memcpy(frame + HEADERS_BYTES, connection->is_first ? set_request : requests, bytes);
    connection->sequence += bytes;
    connection->requests = (uint16_t)(connection->requests + count);
    started += count;
    return HEADERS_BYTES + bytes;
}
