// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// client_lend.c - lending for the length of a call: the lender's record, and the borrower's check.
//
// The records lie in the lender's memory, a stack per thread, since lends end in the order of calls. Who lends a child lends
// its root. For what is borrowed and lent on, the record names nothing: its owner has one that does, and a lender who frees it
// all the same would else keep us from freeing it when it comes to us meanwhile.
#include "client.h"

struct lends domain_lends[THREAD_MAX];
volatile uint64_t client_lenders;
volatile uint32_t client_lent;

__attribute__((noinline)) bool client_is_listed(uint32_t granule) {
    for (uint64_t left = client_lenders; left; left &= left - 1) {
        const struct lends *of = &domain_lends[__builtin_ctzll(left)];
        for (uint32_t i = of->count; i-- > 0;)
            if (of->granule[i] == granule) return true;
    }
    return false;
}

static void lent_more(void) { __asm__ volatile("incl %0" : "+m"(client_lent) : : "cc"); }
static void lent_less(void) { __asm__ volatile("decl %0" : "+m"(client_lent) : : "cc"); }

int xheap_check(const void *address, size_t bytes) {
    struct view view = view_of(address);
    bool is_right = bytes <= view.room && view.owner && view.owner != domain_self && client_reaches(view.root);
    if (__builtin_expect(is_right, 1)) return 0;
    return client_misuse(XHEAP_BORROW, -EFAULT, address, bytes);
}

__attribute__((noinline)) static int lend_refused(const void *address, size_t bytes) {
    xheap_lend_end();
    return client_misuse(XHEAP_LEND, -EFAULT, address, bytes);
}

// A child could have left its root before this was recorded.
__attribute__((noinline)) static int lend_child(const void *address, size_t bytes, uint32_t root) {
    return view_of(address).root == root ? 0 : lend_refused(address, bytes);
}

__attribute__((noinline)) static void lends_first(uint32_t thread) {
    __atomic_fetch_or(&client_lenders, 1ull << thread, __ATOMIC_SEQ_CST);
}

int xheap_lend_begin(const void *address, size_t bytes) {
    struct view view = view_of(address);
    if (__builtin_expect(bytes > view.room || !view.owner, 0))
        return client_misuse(XHEAP_LEND, -EFAULT, address, bytes);
    uint32_t thread = thread_self();
    struct lends *mine = &domain_lends[thread];
    uint32_t count = mine->count;
    if (count == LENDS_MAX) return -EBUSY;
    if (__builtin_expect(!(client_lenders >> thread & 1), 0)) lends_first(thread);
    mine->granule[count] = view.owner == domain_self ? view.root : LENDS_NOTHING;
    mine->count = count + 1;
    lent_more();
    client_order();
    if (__builtin_expect(view.owner == domain_self && !is_used(view.root), 0)) return lend_refused(address, bytes);
    return __builtin_expect(view.root == view.granule, 1) ? 0 : lend_child(address, bytes, view.root);
}

void xheap_lend_end(void) {
    domain_lends[thread_self()].count--;
    lent_less();
}

// The slow cases, tail calls as in client.c: something is lent; it cannot be given.
__attribute__((noinline)) static int give_carefully(const void *address) {
    if (!is_lent(granule_of(address))) return 0;
    use_begin(granule_of(address));
    return client_refusal(XHEAP_GIVE, address);
}

__attribute__((noinline)) static int give_refusal(const void *address) {
    if (!xheap_contains(address)) return client_misuse(XHEAP_GIVE, -EINVAL, address, 0);
    uint32_t granule = granule_of(address);
    bool own = address_of(granule) == address && owner_byte(granule) == domain_self;
    return own ? client_refusal(XHEAP_GIVE, address) : client_misuse(XHEAP_GIVE, -EPERM, address, 0);
}

// On the way of a give gate, which finds nothing to refuse then: what is out of use here cannot go elsewhere.
int xheap_give_begin(const void *address) {
    if (__builtin_expect(!own_use_end(address), 0)) return give_refusal(address);
    client_order();
    return __builtin_expect(client_lent != 0, 0) ? give_carefully(address) : 0;
}

void xheap_give_arrived(const void *address) { use_begin(granule_of(address)); }
