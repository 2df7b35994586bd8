// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// lwipopts.h - how lwIP (2.1 and 2.2) is built for the net domain.
//
// Raw API, run to completion under the component lock; TCP, UDP, ICMP echo and ARP over IPv4, nothing else. lwIP's own
// defaults are for microcontrollers, hence the sizes. Those that a user would change are in Kconfig.
#ifndef NET_PORT_LWIPOPTS_H
#define NET_PORT_LWIPOPTS_H

#include <stddef.h>
#include "alloc.h"
#include "copy.h"

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0 // the component lock is the only one
#define LWIP_SOCKET 0
#define LWIP_NETCONN 0
#define LWIP_TIMERS 0 // timers.c instead

#define LWIP_IPV4 1
#define LWIP_IPV6 0
#define LWIP_ARP 1
#define LWIP_ETHERNET 1
#define LWIP_ICMP 1
#define LWIP_RAW 0
#define LWIP_UDP 1
#define LWIP_TCP 1
#define LWIP_DHCP 0
#define LWIP_DNS 0
#define LWIP_IGMP 0
#define LWIP_NETIF_LOOPBACK 0
#define LWIP_HAVE_LOOPIF 0
#define IP_REASSEMBLY 0 // fragments are dropped: TCP never sends them, and reassembly is a classic target
#define IP_FRAG 0
#define IP_FORWARD 0
#define ARP_QUEUEING 0
#define ETH_PAD_SIZE 0

// Memory: lib/alloc.h, so that one Kconfig number bounds everything, and no pool runs dry while others are empty.
void *net_calloc(size_t count, size_t bytes); // net.c
// lwIP 2.1 knows the first three names, 2.2 the others.
#define MEM_LIBC_MALLOC 1
#define mem_clib_malloc heap_alloc
#define mem_clib_free heap_free
#define mem_clib_calloc net_calloc
#define malloc heap_alloc
#define free heap_free
#define calloc net_calloc
#define MEMP_MEM_MALLOC 1
#define MEM_ALIGNMENT 8
// Where lwIP copies what a segment carries; headers and addresses are SMEMCPY's.
#define MEMCPY(to, from, bytes) copy_data(to, from, bytes)
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define LWIP_STATS 0

#define TCP_MSS 1460
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 4
#define TCP_WND (CONFIG_NET_WINDOW_KIB * 1024)
#define TCP_SND_BUF (CONFIG_NET_SEND_BUFFER_KIB * 1024)
#define TCP_SND_QUEUELEN (4 * TCP_SND_BUF / TCP_MSS)
// lwIP's sanity check wants it 4 segments below 64 KiB.
#define TCP_SNDLOWAT (0xffff - 4 * TCP_MSS - 1)
#define TCP_SNDQUEUELOWAT (TCP_SND_QUEUELEN / 2)
// An update of the window rides on the reply; a frame of its own is worth it only for a quarter of the window: of this peer's
// (tcp_recved() has its pcb at hand), since that of one without window scaling never grows by a quarter of ours.
#define TCP_WND_UPDATE_THRESHOLD (TCP_WND_MAX(pcb) / 4)
#define TCP_QUEUE_OOSEQ 1
#define TCP_OOSEQ_MAX_PBUFS 128
#define LWIP_TCP_TIMESTAMPS 0
#define LWIP_TCP_SACK_OUT 0 // lwIP only sends SACKs and never uses them
#define LWIP_TCP_KEEPALIVE 1
#define TCP_MSL 10000UL // so that connections that the application closed leave the tables soon
#define TCP_LISTEN_BACKLOG 0 // lwIP's counter has 8 bits; socket.c counts, through the extension arguments below
#define LWIP_TCP_PCB_NUM_EXT_ARGS 1
#define LWIP_CALLBACK_API 1
#define SO_REUSE 1 // see socket_listen()

// Initial sequence numbers after RFC 6528 (random.c).
#define LWIP_HOOK_FILENAME "net_hooks.h"
#define LWIP_HOOK_TCP_ISN net_initial_sequence

// Whether a checksum is made and checked is decided per interface, and for reception per frame (link.c).
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1
#define LWIP_NETIF_TX_SINGLE_PBUF 0

#endif
