// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// timers.c - the interface is in timers.h. The TCP clock stands still while there are no connections.
#include "timers.h"
#include "clock.h"
#include "thread.h"
#include "lwip/etharp.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/sys.h"

#define NS_PER_MS 1000000ull

static uint64_t tcp_due_ns = DEADLINE_NEVER, arp_due_ns;

u32_t sys_now(void) { return (u32_t)(time_now_ns() / NS_PER_MS); }

// lwIP calls it whenever a connection enters its lists.
void tcp_timer_needed(void) {
    if (tcp_due_ns == DEADLINE_NEVER && (tcp_active_pcbs != NULL || tcp_tw_pcbs != NULL))
        tcp_due_ns = time_now_ns() + TCP_TMR_INTERVAL * NS_PER_MS;
}

void timers_init(void) { arp_due_ns = time_now_ns() + ARP_TMR_INTERVAL * NS_PER_MS; }

void timers_run(void) {
    const uint64_t now_ns = time_now_ns();
    if (now_ns >= tcp_due_ns) {
        tcp_due_ns = DEADLINE_NEVER;
        tcp_tmr();
        tcp_timer_needed(); // again, if there are connections left
    }
    if (now_ns >= arp_due_ns) {
        arp_due_ns = now_ns + ARP_TMR_INTERVAL * NS_PER_MS;
        etharp_tmr();
    }
}

uint64_t timers_next_ns(void) { return tcp_due_ns < arp_due_ns ? tcp_due_ns : arp_due_ns; }
