// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// datagram.c - the interface is in datagram.h.
//
// A received datagram stays in the object of its frame. What a peer could try: a length in the UDP header that is not
// the frame's, or is beyond NET_DATAGRAM_MAX (too long: dropped; shorter: the rest is cut off), and more datagrams than
// the application fetches (dropped and counted).
#include "copy.h"
#include "datagram.h"
#include "public.h"
#include "string.h"
#include "xheap.h"
#include "lwip/netif.h"
#include "lwip/udp.h"

#define IP_AND_UDP_BYTES 28
_Static_assert(NET_DATAGRAM_MAX == 1500 - IP_AND_UDP_BYTES, "what fits one frame");

// The length that the UDP header tells; lwIP has put the head's pbuf behind that header.
static uint32_t told_bytes(const struct pbuf *head) {
    uint16_t length;
    memcpy(&length, (const uint8_t *)head->payload - 4, sizeof(length));
    return lwip_htons(length);
}

// Completes a frame for the queue. False when it is no datagram that an application should see.
static bool describe(struct rx_frame *frame, const struct pbuf *head, const ip_addr_t *address, u16_t port) {
    const struct pbuf *body = head->next;
    const uint32_t there = body == NULL ? 0 : body->len, told = told_bytes(head);
    if (head->len != 0 || told < UDP_HLEN || told - UDP_HLEN > there || told - UDP_HLEN > NET_DATAGRAM_MAX)
        return false;
    frame->bytes = told - UDP_HLEN;
    if (frame->bytes > 0)
        frame->offset = (uint32_t)((uint8_t *)body->payload - (uint8_t *)frame->object);
    memcpy(frame->address, &ip_2_ip4(address)->addr, sizeof(frame->address));
    frame->port = port;
    return true;
}

// lwIP's callback: chain is ours.
static void on_datagram(void *argument, struct udp_pcb *udp, struct pbuf *chain, const ip_addr_t *address, u16_t port) {
    (void)udp;
    struct socket *socket = argument;
    struct rx_frame *frame = rx_frame_of_head(chain);
    if (frame == NULL || socket->frames >= CONFIG_NET_DATAGRAMS_MAX || !describe(frame, chain, address, port)) {
        link_counters.dropped_in++;
        (void)pbuf_free(chain);
        return;
    }
    socket_frame_queue(socket, frame, chain);
}

int datagram_bind(uint32_t owner, uint16_t port) {
    struct udp_pcb *udp = udp_new();
    if (udp == NULL)
        return -ENOMEM;
    const err_t error = udp_bind(udp, IP4_ADDR_ANY, port);
    struct socket *socket = error == ERR_OK ? socket_new(SOCKET_DATAGRAM, owner) : NULL;
    if (socket == NULL) {
        udp_remove(udp);
        return error == ERR_OK ? -ENOMEM : -EADDRINUSE;
    }
    socket->udp = udp;
    udp_recv(udp, on_datagram, socket);
    return (int)socket_handle(socket);
}

void datagram_close(struct udp_pcb *udp) { udp_remove(udp); }

int datagram_send(struct socket *socket, const struct net_send *send, const void *data) {
    ip_addr_t address;
    memcpy(&ip_2_ip4(&address)->addr, send->address, sizeof(send->address));
    if (send->port == 0 || ip_addr_isany_val(address))
        return -EINVAL;
    if (netif_default == NULL)
        return -ENODEV;
    if (send->bytes + IP_AND_UDP_BYTES > netif_default->mtu)
        return -EMSGSIZE;
    struct pbuf *pbuf = pbuf_alloc(PBUF_TRANSPORT, (u16_t)send->bytes, PBUF_RAM);
    if (pbuf == NULL)
        return -ENOMEM;
    copy_data(pbuf->payload, data, send->bytes);
    const err_t error = udp_sendto(socket->udp, pbuf, &address, send->port);
    (void)pbuf_free(pbuf);
    switch (error) {
    case ERR_OK:
        return (int)send->bytes;
    case ERR_RTE:
        return -ENODEV;
    case ERR_VAL: // an address that can be nobody's
        return -EINVAL;
    default:
        return -EAGAIN;
    }
}

bool datagram_collect(struct socket *socket, struct net_event *out) {
    struct rx_frame *frame = socket->rx_first;
    int index = GIVE_MAX; // nothing to take
    if (frame->bytes > 0)
        index = xheap_pass(frame->object);
    if (index == -E2BIG)
        return false;
    if (index >= 0)
        *out = (struct net_event){ .kind = NET_DATAGRAM, .socket = socket_handle(socket), .object = (uint32_t)index,
                                   .offset = frame->offset, .bytes = frame->bytes, .port = frame->port };
    memcpy(out->address, frame->address, sizeof(out->address));
    if (index >= 0 && frame->bytes > 0)
        frame->object = NULL; // the application's now
    (void)socket_frame_unqueue(socket);
    (void)pbuf_free(frame->held);
    socket_event_delivered(socket);
    return index >= 0;
}
