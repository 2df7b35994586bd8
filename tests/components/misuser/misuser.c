// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// misuser.c - see misuser.h. Attempts on whole stretches of the heap; single ones are in attempts.c.
#include "misuser.h"
#include "alloc.h"
#include "attempts.h"
#include "boot.h"
#include "clock.h"
#include "domain.h"
#include "heappeer.h"
#include "log.h"
#include "string.h"
#include "system.h"
#include "thread.h"
#include "xheap.h"

#define HELD_MAX 8192
#define WORK_TURNS 200

static void *held[HELD_MAX];

static struct system_domain account_of(uint32_t domain) {
    struct system_domain row = {0};
    (void)!system_domains(domain, &row, 1);
    return row;
}

// What the reports name.
__attribute__((noipa)) static void *get(size_t bytes) { return xheap_alloc(bytes); }

// As many objects of a size as there are to have.
static uint32_t take_all(size_t bytes) {
    uint32_t count = 0;
    while (count < HELD_MAX && (held[count] = get(bytes)))
        count++;
    return count;
}

static int free_all(uint32_t count) {
    int failed = 0;
    while (count)
        failed += xheap_free(held[--count]) != 0;
    return failed;
}

// Refused when the quota is used up, whoever owns the objects; the neighbour does not notice.
static void exhaust(void) {
    uint64_t quota = account_of(domain_self).quota_bytes;
    uint32_t count = take_all(4096);
    struct system_domain account = account_of(domain_self);
    log_line("misuser: 4096 bytes: %u, over the quota %d, refusals %d, most is the charge %d", count,
             account.charged_bytes > quota || count * 4096ul > quota, account.refusals != 0,
             account.most_bytes == account.charged_bytes);
    log_line("misuser: the neighbour failed %d times", heappeer_work(WORK_TURNS));
    uint32_t given = 0;
    while (given < count / 2 && heappeer_keep(held[count - 1 - given]) > 0)
        given++;
    log_line("misuser: gave away %u, still charged %d, more for that: %d", given,
             account_of(domain_self).charged_bytes == account.charged_bytes,
             get(4096) != NULL);
    log_line("misuser: the neighbour dropped %d and failed %d times", heappeer_drop(), heappeer_work(WORK_TURNS));
    uint32_t again = take_all(4096);
    int errors = free_all(again);
    log_line("misuser: has some again %d, freed with %d errors", again > 0 && again <= given, errors);
}

static void exhaust_objects(void) {
    uint32_t count = take_all(256);
    int errors = free_all(1); // speaking needs an object as well
    struct system_domain account = account_of(domain_self);
    log_line("misuser: 256 bytes: %u, over the quota %d", count,
             account.charged_objects > account.quota_objects || count > account.quota_objects);
    log_line("misuser: the neighbour failed %d times", heappeer_work(WORK_TURNS));
    for (uint32_t i = 1; i < count; i++)
        errors += xheap_free(held[i]) != 0;
    uint32_t again = take_all(256);
    errors += free_all(again);
    log_line("misuser: freed with %d errors, and had the same again %d", errors, again == count);
}

static bool is_table(const uint8_t *copy) {
    const size_t table = sizeof(struct xheap_owner) * XHEAP_GRANULES;
    return !memcmp(copy, (const void *)(uintptr_t)owner_table, table) &&
        !memcmp(copy + table, (const void *)(uintptr_t)chunk_class, XHEAP_CHUNKS);
}

static void copy_table(uint8_t *copy) {
    const size_t table = sizeof(struct xheap_owner) * XHEAP_GRANULES;
    memcpy(copy, (const void *)(uintptr_t)owner_table, table);
    memcpy(copy + table, (const void *)(uintptr_t)chunk_class, XHEAP_CHUNKS);
}

static void overwrite(void) {
    for (volatile uint64_t *word = (volatile uint64_t *)ARENA_BASE; word < (volatile uint64_t *)MAP_END; word++)
        *word = ~*word;
}

// Every byte of the heap gets another value, while the neighbour's thread allocates and frees in between.
static void scribble(void) {
    uint8_t *copy = heap_alloc(sizeof(struct xheap_owner) * XHEAP_GRANULES + XHEAP_CHUNKS);
    uint64_t theirs = 0;
    if (!copy || heappeer_object(&theirs) || heappeer_changed() || heappeer_work(1)) {
        log_line("misuser: cannot begin");
        return;
    }
    (void)!thread_sleep_until(time_now_ns() + 20000000); // its caches are full now, and the console's
    int turns = heappeer_turns();
    struct system_domain before = account_of(domain_self);
    copy_table(copy);
    overwrite();
    bool same = is_table(copy);
    turns = heappeer_turns() - turns;
    struct system_domain after = account_of(domain_self);
    log_line("misuser: table the same %d, charge the same %d", same,
             before.charged_bytes == after.charged_bytes && before.charged_objects == after.charged_objects);
    log_line("misuser: bytes of the neighbour's object that changed: %d", heappeer_changed());
    log_line("misuser: it had turns %d, and failed %d times; afterwards %d", turns > 0, heappeer_failures(),
             heappeer_work(WORK_TURNS));
    void *object = get(4096);
    log_line("misuser: own object %d, freed %d", object != NULL, xheap_free(object));
}

// The same again and again, in a system with better things to do.
static void overwrite_often(void) {
    (void)!thread_sleep_until(time_now_ns() + boot_number("after", 0) * 1000000);
    const uint64_t times = boot_number("times", 1);
    for (uint64_t i = 0; i < times; i++) {
        overwrite();
        (void)!thread_sleep_until(time_now_ns() + 20000000);
    }
    log_line("misuser: wrote over the heap %u times", (uint32_t)times);
}

static void *watched;
static struct system_object rows[SYSTEM_BATCH_MAX + 1];

// What the monitor's rows say of an object: state, payer, and the first letter of its site; -1: it has no row.
static int row_of(const void *object) {
    const uint32_t wanted = (uint32_t)(((uint64_t)object - ARENA_BASE) / XHEAP_GRANULE_BYTES);
    if (system_objects(wanted, rows, 1) != 1 || rows[0].granule != wanted)
        return -1;
    return (int)(rows[0].state * 10000 + rows[0].owner * 100 + rows[0].payer);
}

static int row_while_lent(void) { return row_of(watched); }

static void follow(void) {
    const int mine = domain_self * 101, used = row_of(watched = get(4096)) - mine;
    const int lent = attempt_lent(watched, row_while_lent) - mine, after = row_of(watched) - mine;
    log_line("misuser: used %d lent %d after %d", used, lent, after);
    const int freed = xheap_free(watched), cached = row_of(watched) - mine;
    log_line("misuser: freed %d cached %d", freed, cached);
    watched = get(4096);
    const int kept = heappeer_keep(watched);
    log_line("misuser: kept %d, theirs and paid by us %d", kept,
             row_of(watched) % 100 == domain_self && row_of(watched) / 100 % 100 != domain_self);
    log_line("misuser: no rows %d, too many %d, behind the heap %d", system_objects(0, rows, 0),
             system_objects(0, rows, SYSTEM_BATCH_MAX + 1),
             row_of((void *)(ARENA_BASE + ARENA_BYTES)));
}

// More records than a console can bear.
static void flood(void) {
    void *object = get(256);
    int first = xheap_free(object);
    uint64_t count = boot_number("count", 1000);
    for (uint64_t i = 0; i < count && !first; i++)
        if (xheap_free(object) != -ESTALE)
            first = 1;
    (void)!thread_sleep_until(time_now_ns() + 1100000000);
    int last = xheap_free(object);
    struct system_domain account = account_of(domain_self);
    log_line("misuser: flood %d %d, counted %u", first, last, account.misuses);
}

// Some objects for the reports, one of them freed twice; then nothing more happens.
static void hold(void) {
    int kept = 0;
    for (uint32_t i = 0; i < 12; i++) {
        void *object = get(4096);
        kept = i < 2 ? heappeer_keep(object) : kept;
    }
    for (uint32_t i = 0; i < 3; i++)
        held[i] = get(256);
    void *object = get(1024);
    int freed = xheap_free(object) + xheap_free(object);
    log_line("misuser: holds, kept %d, freed %d", kept, freed);
    for (;;)
        (void)!thread_sleep_until(DEADLINE_NEVER);
}

int misuser_main(void) {
    uint64_t number = boot_number("try", 0);
    if (number < attempt_count) {
        int result = attempts[number].make();
        log_line("misuser: %s: %d 0x%lx", attempts[number].name, result, (uint64_t)attempt_object);
    }
    else if (number == 100)
        flood();
    else if (number == 101)
        exhaust();
    else if (number == 102)
        exhaust_objects();
    else if (number == 104)
        follow();
    else if (number == 105)
        hold();
    else if (number == 106)
        overwrite_often();
    else
        scribble();
    return 0;
}
