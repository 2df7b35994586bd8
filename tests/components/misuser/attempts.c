// SPDX-License-Identifier: BSD-3-Clause
// SPDX-FileCopyrightText: The Cloister authors

// attempts.c - see attempts.h. Each returns what it was told; tests/groups/group_misuse.py knows what that has to be.
#include "attempts.h"
#include "heappeer.h"
#include "misuser.h"
#include "xheap.h"

#define OBJECT_BYTES 512
#define ATTEMPT __attribute__((noipa)) static int   // so that it is there to be named

static char *object;
char *attempt_object;
static int (*with_lent)(void);

int misuser_with_lent(void) { return with_lent(); }

// Where the objects come from: what a record says of the allocation.
__attribute__((noipa)) static char *make_object(void) { return attempt_object = object = xheap_alloc(OBJECT_BYTES); }

static char *theirs(void) {
    uint64_t address = 0;
    return heappeer_object(&address) ? NULL : (attempt_object = (char *)address);
}

ATTEMPT free_twice(void) {
    make_object();
    int first = xheap_free(object);
    return first ? first : xheap_free(object);
}

ATTEMPT free_foreign(void) { return xheap_free(theirs()); }
ATTEMPT free_interior(void) { return xheap_free(make_object() + 256); }
ATTEMPT free_wild(void) { return xheap_free(&object); }

ATTEMPT free_given(void) {
    int kept = heappeer_keep(make_object());
    return kept < 0 ? kept : xheap_free(object);
}

ATTEMPT give_given(void) {
    int kept = heappeer_keep(make_object());
    return kept < 0 ? kept : heappeer_keep(object);
}

ATTEMPT give_freed(void) {
    int freed = xheap_free(make_object());
    return freed ? freed : heappeer_keep(object);
}

ATTEMPT give_interior(void) { return heappeer_keep(make_object() + 16); }
ATTEMPT lend_overlong(void) { return heappeer_read(make_object() + 500, 100); }
ATTEMPT lend_beyond_any(void) { return heappeer_read(make_object(), 100000); }

ATTEMPT lend_freed(void) {
    int freed = xheap_free(make_object());
    return freed ? freed : heappeer_read(object, 8);
}

// The stub on this side finds nothing wrong: an object of somebody. The callee's does.
ATTEMPT lend_their_own(void) { return heappeer_read(theirs(), 8); }

ATTEMPT resolve_forged(void) { return xheap_resolve(xheap_handle(make_object()) + (1ull << 32)) ? 1 : -EINVAL; }

ATTEMPT free_lent(void) { return xheap_free(object); }
ATTEMPT give_lent(void) { return heappeer_keep(object); }

int attempt_lent(const char *lent, int (*then)(void)) {
    with_lent = then;
    return heappeer_call_back(lent, OBJECT_BYTES);
}

static int lent_to_peer(int (*then)(void)) { return attempt_lent(make_object(), then); }

ATTEMPT free_of_lent(void) { return lent_to_peer(free_lent); }
ATTEMPT give_of_lent(void) { return lent_to_peer(give_lent); }

ATTEMPT free_child(void) {
    void *child = xheap_alloc(OBJECT_BYTES);
    int attached = xheap_attach(make_object(), &child, 1);
    return attached ? attached : xheap_free(child);
}

ATTEMPT detach_root(void) { return xheap_detach(make_object()); }

// Past its own half of the heap, straight to the monitor.
ATTEMPT drain_foreign(void) {
    uint64_t number = ((uint64_t)theirs() - ARENA_BASE) / XHEAP_GRANULE_BYTES + 1;
    return xheap_drain(number, 0, 0, 0, 0, 0);
}

// It accuses itself at most.
ATTEMPT accuse_caller(void) { return xheap_misuse(XHEAP_BORROW, -EFAULT, (uint64_t)theirs(), 8); }
ATTEMPT accuse_of_nothing(void) { return xheap_misuse(1000, 0, 0, 0); }

const struct attempt attempts[] = {
    {"free_twice", free_twice}, {"free_foreign", free_foreign}, {"free_interior", free_interior},
    {"free_wild", free_wild}, {"free_given", free_given}, {"give_given", give_given}, {"give_freed", give_freed},
    {"give_interior", give_interior},
    {"lend_overlong", lend_overlong}, {"lend_beyond_any", lend_beyond_any}, {"lend_freed", lend_freed},
    {"lend_their_own", lend_their_own}, {"resolve_forged", resolve_forged}, {"free_of_lent", free_of_lent},
    {"give_of_lent", give_of_lent}, {"free_child", free_child}, {"detach_root", detach_root},
    {"drain_foreign", drain_foreign},
    {"accuse_caller", accuse_caller}, {"accuse_of_nothing", accuse_of_nothing},
};
const uint32_t attempt_count = sizeof(attempts) / sizeof(*attempts);
