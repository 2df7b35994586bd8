// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// status.c - net_status(): addresses, counters and sockets, as they are now.
//
// Gathered in private memory and copied out once, so that the caller's object is only written. It changes nothing.
#include "link.h"
#include "net.h"
#include "socket_table.h"
#include "string.h"
#include "lwip/netif.h"

static void describe_interface(struct net_status *status) {
    memcpy(status->address, netif_ip4_addr(netif_default), sizeof(status->address));
    memcpy(status->netmask, netif_ip4_netmask(netif_default), sizeof(status->netmask));
    memcpy(status->gateway, netif_ip4_gw(netif_default), sizeof(status->gateway));
    memcpy(status->mac, netif_default->hwaddr, sizeof(status->mac));
    status->mtu = netif_default->mtu;
    status->is_up = 1;
}

int net_status(struct net_status *out) {
    struct net_status status = {
        .connections_max = CONFIG_NET_CONNECTIONS_MAX,
        .frames_in = link_counters.frames_in, .bytes_in = link_counters.bytes_in, .dropped_in = link_counters.dropped_in,
        .frames_out = link_counters.frames_out, .bytes_out = link_counters.bytes_out, .dropped_out = link_counters.dropped_out,
    };
    for (uint32_t i = 0; i < sockets_made; i++) {
        const uint8_t state = socket_at(i)->state;
        status.connections += state == SOCKET_CONNECTED;
        status.listeners += state == SOCKET_LISTENING || state == SOCKET_DATAGRAM;
    }
    if (link_event() >= 0)
        describe_interface(&status);
    memcpy(out, &status, sizeof(status));
    return 0;
}
