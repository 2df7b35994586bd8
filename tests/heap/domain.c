// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// domain.c - what one domain of heap_system.h is to the others: compiled once per domain with its number, linked with a
// copy of shared-heap/client*.c of its own, and all its names but this one made local (heap.mk).
#include "heap_system.h"

extern const uint8_t domain_self;
const uint8_t domain_self = HEAP_DOMAIN;
extern char HEAP_STATE_START[], HEAP_STATE_END[];

const struct heap_client HEAP_CLIENT = {
    .alloc = xheap_alloc, .free = xheap_free, .room = xheap_room, .owner_of = xheap_owner_of,
    .is_untrusted = xheap_is_untrusted, .pass = xheap_pass, .pass_all = xheap_pass_all, .take = xheap_take,
    .take_all = xheap_take_all, .attach = xheap_attach, .detach = xheap_detach, .root = xheap_root,
    .handle = xheap_handle, .resolve = xheap_resolve, .check = xheap_check, .lend_begin = xheap_lend_begin,
    .lend_end = xheap_lend_end, .give_begin = xheap_give_begin, .give_arrived = xheap_give_arrived,
    .pass_open = xheap_pass_open, .pass_export = xheap_pass_export, .pass_publish = xheap_pass_publish,
    .pass_accept = xheap_pass_accept, .local_state = local_state, .magazines = magazines, .lends = domain_lends,
    .gives = domain_gives, .state = HEAP_STATE_START, .state_end = HEAP_STATE_END,
};
