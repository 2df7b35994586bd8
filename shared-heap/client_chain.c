// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// client_chain.c - roots and children, on the owner's side: what the monitor cannot know (is it free, is it lent) is checked here.
#include "client.h"

int xheap_attach(void *root, void *const *children, size_t count) {
    if (!part_with(root)) return client_refusal(XHEAP_ATTACH, root); // it cannot be lent or leave meanwhile
    int failed = 0;
    for (size_t done = 0; done < count && !failed;) {
        uint32_t batch = 0, granules[XHEAP_JOIN_BATCH];
        uint64_t words[XHEAP_JOIN_BATCH / 3] = {0};
        int error = 0;
        for (; batch < XHEAP_JOIN_BATCH && done + batch < count; batch++) {
            void *child = *(void *const volatile *)&children[done + batch]; // read once: the array could lie in the heap
            error = child == root ? client_misuse(XHEAP_ATTACH, -EINVAL, child, 0)
                  : part_with(child) ? 0 : client_refusal(XHEAP_ATTACH, child);
            if (error) break;
            granules[batch] = granule_of(child);
            xheap_name(words, batch, granules[batch]);
        }
        int refused = batch ? xheap_join(granule_of(root), words[0], words[1], words[2], words[3], words[4]) : 0;
        for (uint32_t i = 0; refused && i < batch; i++) use_begin(granules[i]);
        failed = refused ? refused : error;
        done += batch;
    }
    use_begin(granule_of(root));
    return failed;
}

int xheap_detach(void *child) {
    struct view view = view_of(child);
    if (!view.room || address_of(view.granule) != child || view.root == view.granule)
        return client_misuse(XHEAP_DETACH, -EINVAL, child, 0);
    if (view.owner != domain_self) return client_misuse(XHEAP_DETACH, -EPERM, child, 0);
    // As for attaching.
    if (!part_with(address_of(view.root))) return client_refusal(XHEAP_DETACH, address_of(view.root));
    int error = xheap_part(view.granule);
    if (!error) use_begin(view.granule);
    use_begin(view.root);
    return error;
}

void *xheap_root(const void *address) {
    struct view view = view_of(address);
    return view.owner && view.root != view.granule ? address_of(view.root) : NULL;
}
