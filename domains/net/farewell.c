// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// farewell.c - the interface is in farewell.h.
//
// Paced: peers share a link whose queue is short. The first segment to an address would wait for its hardware
// address, and the second replace it, so each waits until that is known.
#include "farewell.h"
#include "clock.h"
#include "persist.h"
#include "random.h"
#include "thread.h"
#include "lwip/etharp.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip4.h"
#include "lwip/prot/tcp.h"

#define PACE_NS 1000000
#define PACE_SEGMENTS 32
#define TRIES_MAX 50            // at an address that nobody answers for
#define HEADER_BYTES 20

union farewell {
    struct { uint32_t address; uint16_t port, local_port; }; // of the peer, but for the last
    uint64_t word;              // 0: there is none
};

static PERSISTENT uint64_t kept[SOCKETS_MAX];
static uint32_t next;           // those before it are told
static uint32_t tries;
static uint64_t due_ns;

void farewell_init(int persist_valid) { next = persist_valid ? 0 : SOCKETS_MAX; }

static void say(union farewell to) {
    struct pbuf *pbuf = pbuf_alloc(PBUF_IP, HEADER_BYTES, PBUF_RAM);
    if (pbuf == NULL)
        return;
    struct tcp_hdr *header = pbuf->payload;
    ip4_addr_t address = { to.address };
    *header = (struct tcp_hdr){ .src = lwip_htons(to.local_port), .dest = lwip_htons(to.port), .seqno = net_random() };
    TCPH_HDRLEN_FLAGS_SET(header, HEADER_BYTES / 4, TCP_SYN);
    header->chksum = inet_chksum_pseudo(pbuf, IP_PROTO_TCP, HEADER_BYTES, netif_ip4_addr(netif_default), &address);
    (void)ip4_output_if(pbuf, netif_ip4_addr(netif_default), &address, TCP_TTL, 0, IP_PROTO_TCP, netif_default);
    (void)pbuf_free(pbuf);
}

// Whether its hardware address is known; asks for it.
static bool is_known(union farewell to) {
    ip4_addr_t address = { to.address };
    const ip4_addr_t *hop = ip4_addr_netcmp(&address, netif_ip4_addr(netif_default), netif_ip4_netmask(netif_default))
                                ? &address : netif_ip4_gw(netif_default), *found;
    struct eth_addr *ethernet;
    if (etharp_find_addr(netif_default, hop, &ethernet, &found) >= 0)
        return true;
    (void)etharp_query(netif_default, hop, NULL);
    return false;
}

static bool is_possible(union farewell to) {
    ip4_addr_t address = { to.address };
    return to.port != 0 && to.local_port != 0 && !ip4_addr_isany_val(address) && !ip4_addr_ismulticast(&address) &&
           !ip4_addr_isbroadcast(&address, netif_default);
}

void farewell_keep(const struct socket *socket) {
    if (kept[socket->index] != 0 && netif_default != NULL)
        say((union farewell){ .word = kept[socket->index] }); // it has to make room before its turn
    const struct tcp_pcb *pcb = socket->pcb;
    const union farewell farewell = { .address = ip_addr_get_ip4_u32(&pcb->remote_ip), .port = pcb->remote_port,
                                      .local_port = pcb->local_port };
    kept[socket->index] = farewell.word;
}

void farewell_forget(const struct socket *socket) { kept[socket->index] = 0; }

// The first that is left, of those before the restart.
static bool find(void) {
    for (; next < SOCKETS_MAX; next++) {
        const bool is_new = next < sockets_made && socket_at(next)->state == SOCKET_CONNECTED;
        if (is_new || kept[next] == 0)
            continue;
        if (is_possible((union farewell){ .word = kept[next] }))
            return true;
        kept[next] = 0;
    }
    return false;
}

uint64_t farewell_send(void) {
    const uint64_t now_ns = time_now_ns();
    if (next == SOCKETS_MAX || netif_default == NULL)
        return DEADLINE_NEVER;
    if (now_ns < due_ns)
        return due_ns;
    due_ns = now_ns + PACE_NS;
    for (uint32_t sent = 0; sent < PACE_SEGMENTS; sent++) {
        if (!find())
            return DEADLINE_NEVER;
        const union farewell to = { .word = kept[next] };
        if (!is_known(to) && ++tries < TRIES_MAX)
            return due_ns;
        if (tries < TRIES_MAX)
            say(to);
        tries = 0;
        kept[next++] = 0;
    }
    return due_ns;
}
