// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// given.c - the interface is in given.h.
#include "given.h"
#include "alloc.h"
#include "flow.h"
#include "xheap.h"
#include "lwip/priv/tcp_priv.h"

#define WRITE_BYTES_MAX 0x8000 // per tcp_write(), whose length has 16 bits
// Objects that slow peers keep from the rest of the system: beyond a quarter of the exchange heap, bytes are copied.
#define HELD_BYTES_MAX (ARENA_BYTES / 4)

static uint32_t held_bytes;

bool given_is_whole(const struct flow *flow) { return flow->given_last == NULL || flow->given_last->left_bytes == 0; }

bool given_add(struct flow *flow, void *object, uint32_t offset, uint32_t bytes) {
    struct given *given = heap_alloc(sizeof(*given));
    if (given == NULL)
        return false;
    const uint32_t room_bytes = offset + (uint32_t)xheap_room((uint8_t *)object + offset);
    *given = (struct given){ .object = object, .room_bytes = room_bytes, .at = offset, .left_bytes = bytes,
                             .is_copied = held_bytes > HELD_BYTES_MAX };
    held_bytes += room_bytes;
    if (flow->given_last != NULL)
        flow->given_last->next = given;
    else
        flow->given_first = given;
    flow->given_last = given;
    return true;
}

static void object_free(struct given *given) {
    if (given->object == NULL)
        return;
    (void)xheap_free(given->object);
    held_bytes -= given->room_bytes;
    given->object = NULL;
}

bool given_push(struct flow *flow) {
    struct given *given = flow->given_last;
    struct tcp_pcb *pcb = flow->pcb;
    if (given_is_whole(flow))
        return true;
    const u8_t flags = given->is_copied ? TCP_WRITE_FLAG_COPY : 0;
    while (given->left_bytes > 0) {
        uint32_t part = given->left_bytes, room = tcp_sndbuf(pcb);
        part = part < room ? part : room;
        part = part < WRITE_BYTES_MAX ? part : WRITE_BYTES_MAX;
        if (part == 0 || tcp_write(pcb, given->object + given->at, (u16_t)part, flags) != ERR_OK)
            return false;
        given->at += part;
        given->left_bytes -= part;
    }
    given->end = pcb->snd_lbb;
    if (given->is_copied)
        object_free(given);
    return true;
}

// The sequence number of the first byte that lwIP may send, or send again. What waits to be sent again is first in
// unsent.
static uint32_t oldest(const struct tcp_pcb *pcb) {
    uint32_t first = pcb->snd_lbb;
    if (pcb->unsent != NULL)
        first = lwip_ntohl(pcb->unsent->tcphdr->seqno);
    if (pcb->unacked != NULL && TCP_SEQ_LT(lwip_ntohl(pcb->unacked->tcphdr->seqno), first))
        first = lwip_ntohl(pcb->unacked->tcphdr->seqno);
    return first;
}

static void first_free(struct flow *flow) {
    struct given *given = flow->given_first;
    flow->given_first = given->next;
    if (given->next == NULL)
        flow->given_last = NULL;
    object_free(given);
    heap_free(given);
}

void given_release(struct flow *flow) {
    if (flow->given_first == NULL)
        return;
    const uint32_t first = oldest(flow->pcb);
    while (flow->given_first != NULL && flow->given_first->left_bytes == 0 &&
           TCP_SEQ_LEQ(flow->given_first->end, first))
        first_free(flow);
}

void given_end(struct flow *flow) {
    while (flow->given_first != NULL)
        first_free(flow);
}
