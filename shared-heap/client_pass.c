// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// client_pass.c - objects that change owner with the return of a GATE_GIVES function.
//
// passed[] is what the running function hands out, a stack, since such functions call each other; taken[] is what this
// thread received last. Entered by a gate, the list waits in domain_gives[], in this domain's own memory, where the monitor's
// phase of the gate reads it, moves the owners and leaves what it really moved on key 15. In the heap another domain could
// change it in between, on either side of the monitor.
// An object that is passed is out of use at once: nobody can free, lend or pass it again. It is in use where it arrives.
#include "client.h"
#include "string.h"

#define NESTING_MAX 4
#define PASSED_MAX (2 * GIVE_MAX)

static struct pass {
    uint32_t count, base, depth, saved[NESTING_MAX];
    void *passed[PASSED_MAX];
    uint32_t taken_count;
    void *taken[GIVE_MAX];
} passes[THREAD_MAX];

// A list per thread. The build calls it gives_<domain>: core/gates/give.S. A domain that writes nonsense gives nothing or its own.
struct give_list domain_gives[THREAD_MAX];

static struct pass *mine(void) { return &passes[thread_self()]; }

// A level too deep has no list of its own and leaves the one above it alone.
void xheap_pass_open(void) {
    struct pass *pass = mine();
    if (pass->depth++ >= NESTING_MAX) return;
    pass->saved[pass->depth - 1] = pass->base;
    pass->base = pass->count;
}

static void close_level(struct pass *pass) {
    if (--pass->depth >= NESTING_MAX) return;
    pass->count = pass->base;
    pass->base = pass->saved[pass->depth];
}

static uint32_t level_count(const struct pass *pass) { return pass->depth <= NESTING_MAX ? pass->count - pass->base : 0; }

// Something is lent, or what came behind these is refused: the first of them says why. All are in use again unless the
// result is 0.
__attribute__((noinline))
static int pass_carefully(void *const *passed, size_t count, bool is_refused, const void *refused) {
    int error = 0;
    for (size_t i = 0; i < count && !error; i++)
        if (is_lent(granule_of(passed[i]))) error = client_misuse(XHEAP_PASS, -EBUSY, passed[i], 0);
    if (is_refused && !error) error = client_refusal(XHEAP_PASS, refused);
    while (error && count-- > 0) use_begin(granule_of(passed[count]));
    return error;
}

int xheap_pass_all(void *const *objects, size_t count) {
    struct pass *pass = mine();
    if (!count) return -EINVAL;
    if (!pass->depth || pass->depth > NESTING_MAX || count > GIVE_MAX || pass->count - pass->base + count > GIVE_MAX ||
        pass->count + count > PASSED_MAX)
        return -E2BIG;
    uint32_t first = pass->count;
    void **passed = pass->passed + first;
    size_t done = 0;
    for (; done < count; done++) {
        void *object = *(void *const volatile *)&objects[done]; // read once: the array could lie in the heap
        if (__builtin_expect(!own_use_end(object), 0)) return pass_carefully(passed, done, true, object);
        passed[done] = object;
    }
    client_order();
    int error = __builtin_expect(client_lent != 0, 0) ? pass_carefully(passed, count, false, NULL) : 0;
    if (error) return error;
    pass->count = first + (uint32_t)count;
    return (int)(first - pass->base);
}

int xheap_pass(void *object) { return xheap_pass_all(&object, 1); }

uint64_t xheap_pass_export(void) {
    struct pass *pass = mine();
    struct give_list *list = &domain_gives[thread_self()];
    uint32_t count = level_count(pass);
    memcpy(list->object, pass->passed + pass->base, count * sizeof *list->object);
    close_level(pass);
    return count;
}

void xheap_pass_publish(void) {
    struct pass *pass = mine();
    pass->taken_count = level_count(pass);
    for (uint32_t i = 0; i < pass->taken_count; i++) use_begin(granule_of(pass->passed[pass->base + i]));
    memcpy(pass->taken, pass->passed + pass->base, pass->taken_count * sizeof *pass->taken);
    close_level(pass);
}

void xheap_pass_accept(int64_t result) {
    struct pass *pass = mine();
    const volatile struct give_list *given = &public_area.given[thread_self()];
    uint32_t count = given->count;
    const volatile uint64_t *from = given->object;
    if (result == -EDOMAINDEAD || count > GIVE_MAX) count = 0;
    for (uint32_t i = 0; i < count; i++) {
        void *object = (void *)from[i];
        pass->taken[i] = object;
        if (__builtin_expect(object != NULL, 1)) use_begin(granule_of(object));
    }
    pass->taken_count = count;
    client_claim(pass->taken, count);
}

// Still ours: it could have been given away since it came.
static void *arrived(void *object) {
    return object && owner_byte(granule_of(object)) == domain_self ? object : NULL;
}

void *xheap_take(unsigned index) {
    struct pass *pass = mine();
    return index < pass->taken_count ? arrived(pass->taken[index]) : NULL;
}

size_t xheap_take_all(void **objects, size_t max) {
    struct pass *pass = mine();
    size_t count = max < pass->taken_count ? max : pass->taken_count;
    for (size_t i = 0; i < count; i++) objects[i] = arrived(pass->taken[i]);
    return count;
}
