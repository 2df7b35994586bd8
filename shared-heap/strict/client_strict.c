// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// client_strict.c - the strict mode's half in each domain: it names objects to the monitor, which alone decides.
#include "client.h"
#include "xheap_strict.h"

int xheap_loan_begin(uint32_t borrower, const void *const *places, size_t count, struct xheap_loan *loan) {
    *loan = (struct xheap_loan){0};
    for (uint32_t i = 0; i < count; i++)
        if (places[i]) xheap_name(loan->words, i, view_of(places[i]).root);
    if (!loan->words[0] && !loan->words[1]) return 0;
    return xheap_lend_out(borrower, loan->words[0], loan->words[1]);
}

void xheap_loan_end(const struct xheap_loan *loan) {
    if (!loan->words[0] && !loan->words[1]) return;
    int error = xheap_lend_back(loan->words[0], loan->words[1]);
    (void)error; // nothing to undo
}

int xheap_claim_one(const void *object) {
    return xheap_claim(granule_of(object) + 1, 0, 0, 0, 0, 0) == 1 ? 0 : -EFAULT;
}

void client_claim(void **objects, uint32_t count) {
    for (uint32_t done = 0; done < count; done += XHEAP_DRAIN_BATCH) {
        uint64_t words[XHEAP_DRAIN_BATCH / 3] = {0};
        uint32_t batch = count - done < XHEAP_DRAIN_BATCH ? count - done : XHEAP_DRAIN_BATCH;
        for (uint32_t i = 0; i < batch; i++)
            if (objects[done + i]) xheap_name(words, i, granule_of(objects[done + i]));
        int claimed = xheap_claim(words[0], words[1], words[2], words[3], words[4], words[5]);
        for (uint32_t i = 0; i < batch; i++)
            if (objects[done + i] && !(claimed >> i & 1)) {
                use_end(granule_of(objects[done + i]));
                objects[done + i] = NULL;
            }
    }
}
