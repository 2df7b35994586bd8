// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// misuse.c - somebody did to an object of the shared heap what may not be done: three lines for people, one for
// machines.
//
//   xheap_misuse     a domain's half of the heap refused something, and says so
//   misuse_refused   the monitor's half did
//
// Believed is what can be checked: the reporter is who came through the gate; object, size and owner are the owner
// table's; call sites are read from stacks. Where a borrower refuses what it was lent, it names itself as reporter, and
// its caller is named as the offender only when that really is suspended on the edge that the borrower's stack names.
// What only the reporter can know (freed already, lent) is its word, about its own object; where the allocation came
// from, the owner's.
// Invariant: a reporter gets BURST records, then one a second; the others are counted, and their number is told.
#include "client.h"
#include "clock.h"
#include "heap_monitor.h"
#include "nucleus.h"
#include "slots_asm.h"
#include "string.h"
#include "symbols.h"

#define BURST 8
#define EACH_NS 1000000000ull

static const char *const operations[] = {
    [XHEAP_FREE] = "free", [XHEAP_GIVE] = "give", [XHEAP_PASS] = "pass", [XHEAP_ATTACH] = "attach",
    [XHEAP_DETACH] = "detach", [XHEAP_LEND] = "lend", [XHEAP_BORROW] = "borrow", [XHEAP_RESOLVE] = "resolve", [XHEAP_DRAIN] = "drain"};
#define OPERATIONS (sizeof operations / sizeof *operations)

struct misuse_count misuse_counts[DOMAIN_MAX];
static struct allowance { uint64_t next_ns; uint32_t left, dropped; } allowances[DOMAIN_MAX];

struct misuse {
    uint32_t operation, offender, reporter;
    int error;
    uint64_t address, bytes, site;
    const struct edge *edge;            // by which the reporter got it; NULL: it is the offender
};

struct reason { const char *word, *sentence; };

static struct reason reason_of(const struct misuse *misuse, const struct view *view) {
    bool is_range = misuse->operation == XHEAP_LEND || misuse->operation == XHEAP_BORROW;
    if (misuse->operation == XHEAP_RESOLVE) return (struct reason){"forged", "no such handle was ever made"};
    if (!view->room) return (struct reason){"wild", "there is no object"};
    if (!view->owner) return (struct reason){"freed", "it was freed"};
    if (is_range && misuse->bytes > view->room)
        return (struct reason){"overlong", "it is longer than what is left of the object"};
    if (misuse->operation == XHEAP_BORROW && view->owner == misuse->reporter)
        return (struct reason){"own", "the callee owns it itself"};
    if (!is_range && address_of(view->granule) != (void *)misuse->address)
        return (struct reason){"interior", "it points into an object, not at one"};
    if (!is_range && view->owner != misuse->offender)
        return heap_charged[view->granule] == misuse->offender ? (struct reason){"given", "it was given away"}
                                                               : (struct reason){"foreign", "another domain owns it"};
    if (misuse->error == -EBUSY) return (struct reason){"lent", "it is lent"};
    if (misuse->operation != XHEAP_DETACH && view->root != view->granule)
        return (struct reason){"child", "it is a child: detach it first"};
    if (misuse->operation == XHEAP_DETACH && view->root == view->granule)
        return (struct reason){"root", "it is nobody's child"};
    if (misuse->error == -ESTALE || misuse->operation == XHEAP_LEND)
        return (struct reason){"freed", "it was freed, or passed"};
    return (struct reason){"refused", "it cannot be done"};
}

// False: this one is only counted.
static bool is_allowed(struct allowance *of, const char *reporter) {
    uint64_t now_ns = time_now_ns();
    if (!of->next_ns) *of = (struct allowance){.next_ns = now_ns, .left = BURST};
    if (now_ns >= of->next_ns) {
        uint64_t more = (now_ns - of->next_ns) / EACH_NS + 1;
        of->left = of->left + more < BURST ? of->left + (uint32_t)more : BURST;
        of->next_ns += more * EACH_NS;
    }
    if (of->left) return of->left--, true;
    if (!of->dropped++) say("HEAP what domain %s reports from here on is counted, and told once a second\n", reporter);
    return false;
}

static void format_site(char *out, size_t room, uint64_t site) {
    if (site) symbol_format(out, room, site - 1);
}

static const char *name_at(uint64_t site) {
    const char *name = site ? symbol_name(site - 1) : NULL;
    return name ? name : "-";
}

static void report(const struct misuse *misuse) {
    const char *offender = domain_table[misuse->offender].name, *reporter = domain_table[misuse->reporter].name;
    struct allowance *allowance = &allowances[misuse->reporter];
    misuse_counts[misuse->offender].all++;
    if (!is_allowed(allowance, reporter)) {
        misuse_counts[misuse->offender].dropped++;
        return;
    }
    uint64_t address = misuse->operation != XHEAP_RESOLVE ? misuse->address
                     : (uint64_t)address_of((uint32_t)misuse->address & (XHEAP_GRANULES - 1));
    struct view view = view_of((void *)address);
    struct reason reason = reason_of(misuse, &view);
    const char *operation = operations[misuse->operation];
    const char *owner = !view.owner ? "nobody" : view.owner < domain_count ? domain_table[view.owner].name : "orphan";
    const char *gate = misuse->edge ? misuse->edge->function : "-";
    unsigned long long object = view.room ? (uint64_t)address_of(view.granule) : 0;
    unsigned long long bytes = view.room ? XHEAP_GRANULE_BYTES << heap_class(view.granule) : 0;
    unsigned long long wanted = misuse->address, wanted_bytes = misuse->bytes;
    uint64_t origin = view.room ? heap_origin(view.granule, view.owner) : 0;
    char at[160] = "an unknown place", from[160] = "an unknown place (CONFIG_XHEAP_ORIGINS)";
    format_site(at, sizeof at, misuse->site);
    format_site(from, sizeof from, origin);
    say("HEAP domain=%s: %s of 0x%llx refused, %s\n", offender, operation, wanted, reason.sentence);
    say("  at %s, through gate %s, reported by %s\n", at, gate, reporter);
    say("  object 0x%llx of %llu bytes, owner %s, allocated at %s\n", object, bytes, owner, from);
    say("HEAPREC domain=%s gen=1 operation=%s misuse=%s address=0x%llx bytes=%llu object=0x%llx size=%llu owner=%s thread=%u at=%s "
        "allocated=%s gate=%s reporter=%s dropped=%u\n", offender, operation, reason.word, wanted,
        wanted_bytes, object, bytes, owner, public_area.cpu.thread,
        name_at(misuse->site), name_at(origin), gate, reporter, allowance->dropped);
    allowance->dropped = 0;
}

// Who lent to the reporter what it will not take; the reporter itself when that cannot be told.
static void find_lender(struct misuse *misuse, bool by_gate) {
    const struct edge *edge = monitor_entry();
    uint64_t frame[2] = {0}, gate_frame = 0;    // cookie and previous anchor of the reporter's call of the monitor
    if (by_gate) {
        if (nucleus_slots_read(misuse->reporter, SLOT_SP, &gate_frame, 1) ||
            nucleus_memory_read(gate_frame, frame, sizeof frame))
            return;
        edge = frames_entry(misuse->reporter, frame[1]);
    }
    // The monitor lends nothing.
    if (!edge || edge->caller < DOMAIN_FIRST || !frames_is_suspended(edge, &gate_frame)) return;
    misuse->offender = edge->caller;
    misuse->edge = edge;
    misuse->site = frames_site(gate_frame);
}

int xheap_misuse(uint32_t operation, int error, uint64_t address, uint64_t bytes) {
    if (operation >= OPERATIONS || !operations[operation]) return -EINVAL;
    // The monitor borrows, too. Then nobody entered it by this function.
    const struct edge *edge = monitor_entry();
    bool by_gate = !edge || !strcmp(edge->function, "xheap_misuse");
    uint32_t reporter = by_gate ? monitor_caller() : DOMAIN_MONITOR;
    struct misuse misuse = {.operation = operation, .offender = reporter, .reporter = reporter, .error = error,
                            .address = address, .bytes = bytes, .site = by_gate ? monitor_call_site() : 0};
    if (operation == XHEAP_BORROW) find_lender(&misuse, by_gate);
    report(&misuse);
    return 0;
}

void misuse_refused(uint32_t operation, uint32_t granule) {
    uint32_t caller = monitor_caller();
    report(&(struct misuse){.operation = operation, .offender = caller, .reporter = caller, .error = -EPERM,
                            .address = (uint64_t)address_of(granule), .site = monitor_call_site()});
}
