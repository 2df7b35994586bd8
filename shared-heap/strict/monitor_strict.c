// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// monitor_strict.c - the strict mode's half in the monitor: who may touch an object now, and the keys of its pages.
//
//   xheap_claim, xheap_lend_out, xheap_lend_back   strict/xheap_strict.h
//   heap_settle, heap_keys_apply, heap_is_lent, heap_is_reached, heap_key_of, heap_bury   strict/heap_mode.h
//
// Nothing here is read from a domain's memory: lender, borrower and thread are what the gate and the table say. What a
// hostile domain could try: lending what it does not hold; taking back what another lent, or on another thread;
// claiming, freeing, giving or detaching what it has lent, under the borrower's hands; filling a table that others
// need. The last is why the chain of an object's loans lies with the object. Left open: a lender that its borrower
// calls back can end its own loan from inside.
// Invariant: after heap_keys_apply() the key of each page is that of its object's holder.
#include "client.h"
#include "heap_monitor.h"
#include "nucleus.h"
#include "xheap_strict.h"

#define GRANULES_PER_PAGE (PAGE_BYTES / XHEAP_GRANULE_BYTES)
#define DEPTH_MAX 12
#define DIRTY_MAX 64

// Of an object, at its first page. domain[0] lent it first, to domain[1], who lent it to domain[2]; who lends an object
// twice in one call has the borrower twice in a row.
static struct loan {
    uint8_t key;                   // the domain whose key the pages carry; 0, as at the start: the monitor
    uint8_t thread, depth;
    uint8_t domain[DEPTH_MAX + 1];
} loans[XHEAP_GRANULES / GRANULES_PER_PAGE];

static uint32_t dirty[DIRTY_MAX], dirty_count;

static struct loan *loan_of(uint32_t granule) { return &loans[granule / GRANULES_PER_PAGE]; }
static uint32_t key_of(uint32_t granule) { return loan_of(granule)->key ? loan_of(granule)->key : DOMAIN_MONITOR; }
static uint8_t owner_of(uint32_t granule) { return xheap_entry_owner(owner_table[granule].owner_link); }

static uint32_t holder_of(uint32_t granule) {
    const struct loan *loan = loan_of(granule);
    if (loan->depth) return loan->domain[loan->depth];
    return owner_of(granule) && owner_of(granule) < domain_count ? owner_of(granule) : DOMAIN_MONITOR;
}

// Who lent it to the borrower number depth.
static uint8_t lender_at(const struct loan *loan, uint32_t depth) {
    for (uint32_t i = depth; i-- > 0;)
        if (loan->domain[i] != loan->domain[depth]) return loan->domain[i];
    return loan->domain[0];
}

bool heap_is_lent(uint32_t granule) { return loan_of(granule)->depth; }

// ---- keys

static uint32_t pages_of(uint32_t granule) { return (1u << heap_class(granule)) / GRANULES_PER_PAGE; }

static void rekey(uint32_t granule, uint32_t pages, uint32_t domain) {
    int error = nucleus_page_rekey((uintptr_t)address_of(granule), pages, domain);
    if (!error) return;
    say("PANIC monitor: %u pages of the shared heap cannot be given the key of %s: %d\n", pages,
        domain_table[domain].name, error);
    monitor_stop(70);
}

// In the order of addresses, so that neighbours take one call.
void heap_keys_apply(void) {
    for (uint32_t i = 1; i < dirty_count; i++)
        for (uint32_t j = i; j > 0 && dirty[j] < dirty[j - 1]; j--) {
            uint32_t other = dirty[j];
            dirty[j] = dirty[j - 1], dirty[j - 1] = other;
        }
    uint32_t start = 0, pages = 0, to = 0;
    for (uint32_t i = 0; i < dirty_count; i++) {
        uint32_t granule = dirty[i], domain = owner_table[granule + 1].generation & 0xff;
        if (domain == key_of(granule)) continue;
        loan_of(granule)->key = (uint8_t)domain;
        if (pages && (domain != to || granule != start + pages * GRANULES_PER_PAGE)) rekey(start, pages, to), pages = 0;
        if (!pages) start = granule, to = domain;
        pages += pages_of(granule);
    }
    if (pages) rekey(start, pages, to);
    dirty_count = 0;
}

static void hold(uint32_t granule, uint32_t domain, uint32_t thread) {
    heap_entry(granule + 1)->generation = heap_holder(domain, thread);
    if (domain == key_of(granule)) return;
    if (dirty_count == DIRTY_MAX) heap_keys_apply();
    dirty[dirty_count++] = granule;
}

void heap_settle(uint32_t granule) {
    struct loan *loan = loan_of(granule);
    if (!owner_of(granule)) loan->depth = 0;
    uint32_t domain = holder_of(granule), thread = loan->depth ? loan->thread : NOT_LENT;
    hold(granule, domain, thread);
    uint32_t children = owner_of(granule) ? owner_table[granule].owner_link & LINK_CHILDREN : 0;
    for (uint32_t child = heap_next[granule]; children-- > 0; child = heap_next[child - 1])
        hold(child - 1, domain, thread);
}

// ---- gifts and loans

static bool is_root(uint32_t granule) {
    return granule < XHEAP_GRANULES && owner_of(granule) && owner_of(granule) != XHEAP_CHILD;
}

int xheap_claim(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
    uint32_t caller = monitor_caller();
    const uint64_t words[] = {a, b, c, d, e, f};
    int claimed = 0;
    for (uint32_t i = 0; i < XHEAP_DRAIN_BATCH; i++) {
        uint32_t granule = xheap_named(words, i) - 1;
        if (granule >= XHEAP_GRANULES || owner_of(granule) != caller || heap_is_lent(granule)) continue;
        heap_settle(granule);
        claimed |= 1 << i;
    }
    heap_keys_apply();
    return claimed;
}

static int may_lend(uint32_t granule, uint32_t caller, uint32_t borrower) {
    if (!is_root(granule)) return -EFAULT;
    const struct loan *loan = loan_of(granule);
    if (!loan->depth) return owner_of(granule) == caller ? 0 : -EFAULT;
    bool again = holder_of(granule) == borrower && lender_at(loan, loan->depth) == caller;
    if (holder_of(granule) != caller && !again) return -EFAULT;
    return loan->thread == public_area.cpu.thread && loan->depth + XHEAP_LOANS_MAX <= DEPTH_MAX ? 0 : -EBUSY;
}

int xheap_lend_out(uint64_t borrower, uint64_t a, uint64_t b) {
    uint32_t caller = monitor_caller();
    const uint64_t words[] = {a, b};
    if (!borrower || borrower >= domain_count || borrower == caller) return -EINVAL;
    for (uint32_t i = 0; i < XHEAP_LOANS_MAX; i++) {
        int error = xheap_named(words, i) ? may_lend(xheap_named(words, i) - 1, caller, (uint32_t)borrower) : 0;
        if (error) return error;
    }
    for (uint32_t i = 0; i < XHEAP_LOANS_MAX; i++) {
        if (!xheap_named(words, i)) continue;
        struct loan *loan = loan_of(xheap_named(words, i) - 1);
        if (!loan->depth) loan->thread = (uint8_t)public_area.cpu.thread, loan->domain[0] = (uint8_t)caller;
        loan->domain[++loan->depth] = (uint8_t)borrower;
        heap_settle(xheap_named(words, i) - 1);
    }
    heap_keys_apply();
    return 0;
}

int xheap_lend_back(uint64_t a, uint64_t b) {
    uint32_t caller = monitor_caller();
    const uint64_t words[] = {a, b};
    int error = 0;
    for (uint32_t i = 0; i < XHEAP_LOANS_MAX; i++) {
        uint32_t number = xheap_named(words, i);
        if (!number) continue;
        struct loan *loan = number <= XHEAP_GRANULES ? loan_of(number - 1) : NULL;
        uint32_t depth = loan && is_root(number - 1) && loan->thread == public_area.cpu.thread ? loan->depth : 0;
        while (depth && lender_at(loan, depth) != caller) depth--;
        if (!depth) {
            error = -EFAULT;
            continue;
        }
        loan->depth = (uint8_t)(depth - 1);
        heap_settle(number - 1);
    }
    heap_keys_apply();
    return error;
}

// ---- what the rest of the monitor asks

// A list of buffers can lie in an object that is lent to the monitor meanwhile, and name itself.
bool heap_is_reached(uint32_t domain, const void *address, size_t bytes) {
    struct view view = view_of(address);
    if (!view.owner || bytes > view.room) return false;
    const struct loan *loan = loan_of(view.root);
    if (holder_of(view.root) == domain) return true;
    if (!loan->depth || loan->thread != public_area.cpu.thread) return false;
    return loan->domain[loan->depth] == DOMAIN_MONITOR && lender_at(loan, loan->depth) == domain;
}

// The domain died. What it had borrowed nobody reaches until its lender's stub, to which the thread is unwound,
// takes it back; what it had lent for a thread that is still inside it stays with the borrower, as an orphan.
void heap_bury(uint32_t domain, uint64_t inside) {
    for (uint32_t page = 0; page < XHEAP_GRANULES / GRANULES_PER_PAGE; page++) {
        struct loan *loan = &loans[page];
        uint32_t granule = page * GRANULES_PER_PAGE;
        if (!loan->depth) continue;
        for (uint32_t i = 1; i <= loan->depth; i++)
            if (loan->domain[i] == domain) loan->domain[i] = DOMAIN_MONITOR;
        if (owner_of(granule) == domain && inside >> loan->thread & 1) heap_orphan(granule, domain, loan->thread);
        heap_settle(granule);
    }
}

uint32_t heap_key_of(const void *address) {
    uint64_t offset = (uintptr_t)address - ARENA_BASE;
    return chunk_class[offset / XHEAP_CHUNK_BYTES] ? key_of(view_of(address).granule) : DOMAIN_MONITOR;
}
