// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// flow.c - the interface is in flow.h.
//
// The hash is keyed, since peers choose their ports and addresses. The table doubles when it has as many flows as
// buckets, and stays as it is when there is no memory for that. Everything runs under the component lock.
#include "flow.h"
#include "alloc.h"
#include "invariant.h"
#include "link.h"
#include "random.h"
#include "siphash.h"
#include "string.h"
#include "lwip/priv/tcp_priv.h"

#define BUCKETS_MIN 64
#define TCP_PROTOCOL 6
#define TCP_FLAG_SYN 2

static uint64_t secret[2];
static struct flow **buckets;
static uint32_t bucket_count, flow_count;

// Between flow_narrow() and flow_widen(): the whole list, which part of it lwIP sees, and what is behind that.
static struct tcp_pcb *whole, *seen, *behind;
static bool is_narrow;

int flow_init(void) {
    for (int i = 0; i < 2; i++)
        secret[i] = (uint64_t)net_random() << 32 | net_random();
    bucket_count = BUCKETS_MIN;
    buckets = heap_zalloc(bucket_count * sizeof(*buckets));
    return buckets == NULL ? -ENOMEM : 0;
}

static struct flow **bucket_of(const struct flow_key *key) {
    return &buckets[siphash_1_3(secret, key, sizeof(*key)) & (bucket_count - 1)];
}

static void insert(struct flow *flow) {
    struct flow **bucket = bucket_of(&flow->key);
    flow->next = *bucket;
    *bucket = flow;
}

static void grow(void) {
    struct flow **old = buckets;
    const uint32_t old_count = bucket_count;
    struct flow **larger = heap_zalloc(2 * old_count * sizeof(*larger));
    if (larger == NULL)
        return;
    buckets = larger;
    bucket_count = 2 * old_count;
    for (uint32_t i = 0; i < old_count; i++)
        for (struct flow *flow = old[i], *next; flow != NULL; flow = next) {
            next = flow->next;
            insert(flow);
        }
    heap_free(old);
}

struct flow *flow_new(struct tcp_pcb *pcb) {
    struct flow *flow = heap_zalloc(sizeof(*flow));
    if (flow == NULL)
        return NULL;
    if (flow_count >= bucket_count)
        grow();
    flow->pcb = pcb;
    flow->key = (struct flow_key){ .local = ip_addr_get_ip4_u32(&pcb->local_ip),
                                   .remote = ip_addr_get_ip4_u32(&pcb->remote_ip),
                                   .local_port = lwip_htons(pcb->local_port),
                                   .remote_port = lwip_htons(pcb->remote_port) };
    flow->mss = pcb->mss;
    flow->segment_bytes = link_segment_bytes(pcb->mss);
    insert(flow);
    flow_count++;
    return flow;
}

void flow_end(struct flow *flow) {
    struct flow **place = bucket_of(&flow->key);
    while (*place != flow)
        place = &(*place)->next;
    *place = flow->next;
    flow_count--;
    flow->has_ended = true;
    if (flow->frames == 0)
        heap_free(flow);
}

void flow_frame_free(struct flow *flow) {
    if (--flow->frames == 0 && flow->has_ended)
        heap_free(flow);
}

// The TCP header of a segment, or NULL for everything else. Addresses and ports must be there, and the flags.
static const uint8_t *tcp_of(const uint8_t *ip, uint32_t bytes) {
    const uint32_t ip_bytes = bytes < 20 ? 0 : (ip[0] & 15u) * 4;
    return ip_bytes < 20 || bytes < ip_bytes + 20 || ip[0] >> 4 != 4 || ip[9] != TCP_PROTOCOL ? NULL : ip + ip_bytes;
}

static struct flow *find(const uint8_t *ip, const uint8_t *tcp, bool sent) {
    struct flow_key key;
    memcpy(&key.local, ip + (sent ? 12 : 16), 4);
    memcpy(&key.remote, ip + (sent ? 16 : 12), 4);
    memcpy(&key.local_port, tcp + (sent ? 0 : 2), 2);
    memcpy(&key.remote_port, tcp + (sent ? 2 : 0), 2);
    struct flow *flow = *bucket_of(&key);
    while (flow != NULL && memcmp(&flow->key, &key, sizeof(key)) != 0)
        flow = flow->next;
    return flow;
}

struct flow *flow_find(const uint8_t *ip, uint32_t bytes, bool sent) {
    const uint8_t *tcp = tcp_of(ip, bytes);
    return tcp == NULL ? NULL : find(ip, tcp, sent);
}

// A new connection may need the memory of old ones that only wait for their end: lwIP must find those then.
static bool is_memory_scarce(void) {
    void *probe = heap_alloc(2 * sizeof(struct tcp_pcb));
    heap_free(probe);
    return probe == NULL;
}

void flow_narrow(const struct flow *flow, const uint8_t *ip, uint32_t bytes) {
    const uint8_t *tcp = tcp_of(ip, bytes);
    if (tcp == NULL)
        return;
    if (flow == NULL && (tcp[13] & TCP_FLAG_SYN) != 0 && is_memory_scarce())
        return;
    is_narrow = true;
    whole = tcp_active_pcbs;
    // Those that wait after their end are in another list.
    seen = flow == NULL || flow->pcb->state == TIME_WAIT ? NULL : flow->pcb;
    behind = seen == NULL ? NULL : seen->next;
    tcp_active_pcbs = seen;
}

void flow_widen(void) {
    if (!is_narrow)
        return;
    is_narrow = false;
    struct tcp_pcb *now = tcp_active_pcbs;
    tcp_active_pcbs = whole;
    if (now == seen)
        return;
    if (seen == NULL) { // a new connection, alone in its list
        invariant(now->next == NULL);
        now->next = whole;
        tcp_active_pcbs = now;
        return;
    }
    invariant(now == behind); // seen has ended, and may be freed: only its address is used
    struct tcp_pcb **place = &tcp_active_pcbs;
    while (*place != seen)
        place = &(*place)->next;
    *place = behind;
}
