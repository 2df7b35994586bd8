// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// strictforge.c - see strictforge.h. Domain ids are read off the owner table, as any domain can.
#include "device.h"
#include "domain.h"
#include "log.h"
#include "strict/xheap_strict.h"
#include "strictforge.h"
#include "strictpeer.h"
#include "thread.h"

#define BYTES 5000

static uint8_t *volatile lent;   // what strictforge_other attacks
static int wrong, attacked;

static void want(const char *what, int64_t got, int64_t wanted) {
    if (got == wanted) return;
    wrong++;
    log_line("forge: %s: got %d, wanted %d", what, (int)got, (int)wanted);
}

static uint64_t number_of(const void *object) { return ((uintptr_t)object - ARENA_BASE) / XHEAP_GRANULE_BYTES + 1; }

int strictforge_other(void) {
    while (!lent) {
        uint32_t seen = event_count(STRICT_EVENT);
        if (!lent && event_wait(STRICT_EVENT, seen, DEADLINE_NEVER) < 0) return 1;
    }
    uint64_t number = number_of(lent);
    want("ending another thread's loan", xheap_lend_back(number, 0), -EFAULT);
    want("claiming what is lent", xheap_claim(number, 0, 0, 0, 0, 0), 0);
    want("draining what is lent", xheap_drain(number, 0, 0, 0, 0, 0), -EPERM);
    uint32_t peer = xheap_owner_of((void *)strictpeer_object(), 1);
    want("lending it to the same borrower on another thread", xheap_lend_out(peer, number, 0), -EBUSY);
    attacked = 1;
    for (;;) want("waiting", event_wait(STRICT_EVENT, event_count(STRICT_EVENT), DEADLINE_NEVER), 0);
}

static void foreign(uint32_t peer, const void *theirs) {
    uint64_t number = number_of(theirs);
    want("lending what is not ours", xheap_lend_out(DOMAIN_MONITOR, number, 0), -EFAULT);
    want("lending it to its owner", xheap_lend_out(peer, number, 0), -EFAULT);
    want("claiming it", xheap_claim(number, 0, 0, 0, 0, 0), 0);
    want("taking back what we did not lend", xheap_lend_back(number, 0), -EFAULT);
    struct device_buffer *buffer = xheap_alloc(sizeof *buffer);
    *buffer = (struct device_buffer){.address = (uintptr_t)theirs, .bytes = 64};
    want("having a device read it", device_submit(DEVICE_ENTROPY, DEVICE_NOTIFY, buffer, 1), -EINVAL);
    buffer->address = (uintptr_t)buffer;
    want("and our own", device_submit(DEVICE_ENTROPY, DEVICE_NOTIFY, buffer, 1), 0);
    want("freeing that", xheap_free(buffer), 0);
}

static void nonsense(uint32_t peer, const void *own) {
    uint64_t number = number_of(own);
    want("objects smaller than a page", xheap_refill(0, 1), -EINVAL);
    want("lending to nobody", xheap_lend_out(0, number, 0), -EINVAL);
    want("lending to ourselves", xheap_lend_out(domain_self, number, 0), -EINVAL);
    want("lending to no domain", xheap_lend_out(1ull << 32 | peer, number, 0), -EINVAL);
    want("lending an inside", xheap_lend_out(peer, number + 1, 0), -EFAULT);
    want("lending the inside of a page", xheap_lend_out(peer, number + 16, 0), -EFAULT);
    want("lending beyond the heap", xheap_lend_out(peer, XHEAP_GRANULES + 1, 0), -EFAULT);
    want("claiming beyond the heap", xheap_claim(XHEAP_GRANULES + 1, 0, 0, 0, 0, 0), 0);
    uint64_t both = number | number_of((void *)strictpeer_object()) << XHEAP_NUMBER_BITS;
    want("one that is ours and one that is not", xheap_lend_out(peer, both, 0), -EFAULT);
    want("of which ours was not lent", xheap_lend_back(number, 0), -EFAULT);
}

static void loans(uint32_t peer, uint8_t *own) {
    uint64_t number = number_of(own);
    want("a pointer without a loan", strictpeer_check((uintptr_t)own), -EFAULT);
    want("with one", xheap_lend_out(peer, number, 0) + strictpeer_check((uintptr_t)own), 0);
    want("a second one to the same", xheap_lend_out(peer, number, 0), 0);
    want("one to another", xheap_lend_out(DOMAIN_MONITOR, number, 0), -EFAULT);
    want("claiming it meanwhile", xheap_claim(number, 0, 0, 0, 0, 0), 0);
    want("draining it meanwhile", xheap_drain(number, 0, 0, 0, 0, 0), -EPERM);
    want("making it a root", xheap_join(number - 1, number_of(xheap_alloc(1)), 0, 0, 0, 0), -EPERM);
    want("giving it: the callee's refusal", strictpeer_keep(own), -EFAULT);
    want("whom it belongs to now", xheap_owner_of(own, 1), peer);
    want("the two ends of the loans", xheap_lend_back(number, 0) + xheap_lend_back(number, 0), 0);
    want("a third", xheap_lend_back(number, 0), -EFAULT);
    want("that the new owner reaches it", strictpeer_sum((uintptr_t)own) >= 0, 1);
}

static void many(uint32_t peer) {
    uint8_t *own = xheap_alloc(BYTES);
    int count = 0;
    while (count < 1000 && !xheap_lend_out(peer, number_of(own), 0)) count++;
    want("as many loans as there is room for", count > 5 && count < 1000, 1);
    while (count > 0 && !xheap_lend_back(number_of(own), 0)) count--;
    own[0] = 1; // faults unless it is ours again
    want("all of them back", count + xheap_free(own), 0);
}

int strictforge_main(void) {
    const void *theirs = (void *)strictpeer_object();
    uint32_t peer = xheap_owner_of(theirs, 1);
    uint8_t *own = xheap_alloc(BYTES);
    foreign(peer, theirs);
    nonsense(peer, own);
    many(peer);
    lent = own;
    want("the borrower, attacked from another thread", strictpeer_hold(own, BYTES), BYTES);
    want("the attack", attacked, 1);
    loans(peer, own);
    log_line("forge: %s", wrong ? "not all refused" : "all refused");
    return wrong != 0;
}
