// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// client_chain.c - roots and children, on the owner's side: what the monitor cannot know (is it free, is it lent) is checked here.
#include "client.h"

int xheap_attach(void *root, void *const *children, size_t count) {
    struct view of = view_of(root);
    if (!of.room || address_of(of.granule) != root) return -EINVAL;
    if (of.owner != domain_self) return of.owner ? -EPERM : -ESTALE;
    if (of.root != of.granule) return -EPERM;
    if (is_unused(of.granule)) return -ESTALE;
    if (is_lent(of.granule)) return -EBUSY;
    for (size_t done = 0; done < count;) {
        uint32_t batch = 0, granules[XHEAP_JOIN_BATCH];
        uint64_t words[XHEAP_JOIN_BATCH / 3] = {0};
        int error = 0;
        for (; batch < XHEAP_JOIN_BATCH && done + batch < count; batch++) {
            void *child = children[done + batch];
            error = child == root ? -EINVAL : part_with(child) ? 0 : client_refusal(child);
            if (error) break;
            granules[batch] = granule_of(child);
            words[batch / 3] |= (uint64_t)(granules[batch] + 1) << batch % 3 * XHEAP_NUMBER_BITS;
        }
        int refused = batch ? xheap_join(of.granule, words[0], words[1], words[2], words[3], words[4]) : 0;
        for (uint32_t i = 0; i < batch; i++) unmark(granules[i]);
        if (refused || error) return refused ? refused : error;
        done += batch;
    }
    return 0;
}

int xheap_detach(void *child) {
    struct view view = view_of(child);
    if (!view.room || address_of(view.granule) != child || view.root == view.granule) return -EINVAL;
    if (view.owner != domain_self) return -EPERM;
    if (is_lent(view.root)) return -EBUSY;
    return xheap_part(view.granule);
}

void *xheap_root(const void *address) {
    struct view view = view_of(address);
    return view.owner && view.root != view.granule ? address_of(view.root) : NULL;
}
